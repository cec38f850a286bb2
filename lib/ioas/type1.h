/* SPDX-License-Identifier: BSD-3-Clause */
/* What noiommu shares with type1: the container, its groups, and opening devices. */
#ifndef BATON_IOAS_TYPE1_H
#define BATON_IOAS_TYPE1_H

#include "ioas/space.h"

int type1_open(struct baton_ioas *ioas);
void type1_close(struct baton_ioas *ioas);
int type1_attach(struct baton_ioas *ioas, const struct ioas_found *found, struct ioas_device *dev);
void type1_detach(struct baton_ioas *ioas, struct ioas_device *dev);
void type1_tidy(struct baton_ioas *ioas);

/** Ask ioas->fd, if it is an iommufd, what it charges. */
enum baton_ioas_accounting ioas_iommufd_accounting(const struct baton_ioas *ioas,
						   enum baton_ioas_accounting otherwise);

#endif
