/* SPDX-License-Identifier: BSD-3-Clause */
#include "stepper.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#define LONG_MS 10000

enum { PHASE_BEFORE, PHASE_IN, PHASE_AFTER };

struct stepper_ctl {
	volatile int phase;
};

static _Noreturn void
other_main(const struct stepper_ops *ops, int request, int reply)
{
	char c;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (read(request, &c, 1) == 1) {
		c = ops->other(ops->shared) ? 'y' : 'n';
		if (write(reply, &c, 1) != 1)
			break;
	}
	_exit(0);
}

int
stepper_open(struct stepper *s, const struct stepper_ops *ops)
{
	int request[2], reply[2];

	s->ops = *ops;
	s->ctl = mmap(NULL, sizeof(*s->ctl), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (s->ctl == MAP_FAILED)
		return -errno;
	if (pipe(request) || pipe(reply))
		return -errno;
	s->other = fork();
	if (s->other < 0)
		return -errno;
	if (!s->other) {
		close(request[1]);
		close(reply[0]);
		other_main(ops, request[0], reply[1]);
	}
	close(request[0]);
	close(reply[1]);
	s->request = request[1];
	s->reply = reply[0];
	return 0;
}

void
stepper_close(struct stepper *s)
{
	kill(s->other, SIGKILL);
	waitpid(s->other, NULL, 0);
	close(s->request);
	close(s->reply);
	munmap(s->ctl, sizeof(*s->ctl));
}

/* Return: whether the other answered in time. */
static bool
await_reply(struct stepper *s, int ms, struct stepper_result *r)
{
	struct pollfd p = { .fd = s->reply, .events = POLLIN };
	char c;

	if (poll(&p, 1, ms) != 1)
		return false;
	if (read(s->reply, &c, 1) != 1 || c != 'y')
		r->wrong = true;
	r->rounds++;
	return true;
}

static bool
is_waiting(const struct stepper_result *r)
{
	return r->blocked_at && !r->freed_at;
}

/* The victim stands after an instruction of its operation. */
static int
after_instruction(struct stepper *s, bool round, int budget_ms, struct stepper_result *r)
{
	if (is_waiting(r)) {
		if (await_reply(s, 1, r))
			r->freed_at = r->instructions;
		return 0;
	}
	if (!round)
		return 0;
	if (write(s->request, "", 1) != 1)
		return -errno;
	if (await_reply(s, budget_ms, r))
		return 0;
	if (!r->blocked_at)
		r->blocked_at = r->instructions;
	r->freed_at = 0;
	return 0;
}

static pid_t
start_victim(struct stepper *s)
{
	pid_t pid;

	s->ctl->phase = PHASE_BEFORE;
	pid = fork();
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL))
		_exit(1);
	raise(SIGSTOP);
	s->ctl->phase = PHASE_IN;
	s->ops.victim(s->ops.shared);
	s->ctl->phase = PHASE_AFTER;
	_exit(0);
}

/* Return: 1 stopped, 0 gone as it should, negative errno otherwise. */
static int
wait_stop(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid)
		return -errno;
	if (WIFSTOPPED(status)) {
		int sig = WSTOPSIG(status);

		return sig == SIGTRAP || sig == SIGSTOP ? 1 : -EFAULT;
	}
	return WIFEXITED(status) && !WEXITSTATUS(status) ? 0 : -EPERM;
}

static int
step_through(struct stepper *s, pid_t pid, unsigned int first, unsigned int last, int budget_ms,
	     struct stepper_result *r)
{
	int rc = wait_stop(pid);

	/* Past the last round the victim runs on, unless the question is when it frees the other.
	 */
	while (rc > 0 && s->ctl->phase != PHASE_AFTER &&
	       (r->instructions < last || r->blocked_at)) {
		if (ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL))
			return -errno;
		rc = wait_stop(pid);
		if (rc <= 0 || s->ctl->phase != PHASE_IN)
			continue;
		r->instructions++;
		rc = after_instruction(s, r->instructions >= first && r->instructions <= last,
				       budget_ms, r);
		if (!rc)
			rc = 1;
	}
	if (rc > 0) {
		if (ptrace(PTRACE_CONT, pid, NULL, NULL))
			return -errno;
		rc = wait_stop(pid);
		return rc > 0 ? -EFAULT : rc;
	}
	return rc ? rc : -EFAULT;
}

int
stepper_run(struct stepper *s, unsigned int first, unsigned int last, int budget_ms,
	    struct stepper_result *r)
{
	pid_t pid;
	int rc;

	*r = (struct stepper_result){ 0 };
	pid = start_victim(s);
	if (pid < 0)
		return -errno;
	rc = step_through(s, pid, first, last, budget_ms, r);
	if (rc) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		return rc;
	}
	if (is_waiting(r) && !await_reply(s, LONG_MS, r))
		return -EDEADLK;
	return 0;
}

static bool
nothing(void *shared)
{
	return true;
}

static void
touch(void *shared)
{
	*(volatile int *)shared = 1;
}

int
stepper_try(void)
{
	void *p =
		mmap(NULL, sizeof(int), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct stepper_ops ops = { .victim = touch, .other = nothing, .shared = p };
	struct stepper_result r;
	struct stepper s;
	int rc;

	if (p == MAP_FAILED)
		return -errno;
	rc = stepper_open(&s, &ops);
	if (!rc) {
		rc = stepper_run(&s, 1, 20000, 10000, &r);
		stepper_close(&s);
		if (!rc && !r.rounds)
			rc = -ENOSYS;
	}
	munmap(p, sizeof(int));
	return rc;
}
