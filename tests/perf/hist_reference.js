// SPDX-License-Identifier: BSD-3-Clause
// What other implementations of HdrHistogram make of the unsigned 64-bit values of a file: that of Node.js itself
// (HdrHistogram_c), and hdr-histogram-js where it is installed. One line of JSON: {implementation: {min, max, percentiles}}.
// usage: node hist_reference.js FILE PERCENT...
const fs = require("fs");
const bytes = fs.readFileSync(process.argv[2]);
const percents = process.argv.slice(3).map(Number);
const values = [];
for (let i = 0; i + 8 <= bytes.length; i += 8) values.push(Number(bytes.readBigUInt64LE(i)));
const highest = 2 ** 36 - 1;
const found = {};

const { createHistogram } = require("perf_hooks");
if (createHistogram) {
  // Node.js has no value of 0 in a histogram.
  const h = createHistogram({ lowest: 1, highest, figures: 3 });
  for (const v of values) h.record(v);
  found["node " + process.versions.node] = { min: h.min, max: h.max, percentiles: percents.map((p) => h.percentile(p)) };
}
try {
  const hdr = require("hdr-histogram-js");
  const h = hdr.build({ lowestDiscernibleValue: 1, highestTrackableValue: highest, numberOfSignificantValueDigits: 3 });
  for (const v of values) h.recordValue(v);
  found["hdr-histogram-js"] = {
    min: h.minNonZeroValue, max: h.maxValue, percentiles: percents.map((p) => h.getValueAtPercentile(p)),
  };
} catch (e) {
  if (e.code !== "MODULE_NOT_FOUND") throw e;
}
console.log(JSON.stringify(found));
