// small_files.js DIRECTORY: times work on many small files, in milliseconds, as JSON: 1,000 writes, 2,000 looks, 1,000 misses, and
// the removal of the 1,000.
const fs = require('fs');
const path = require('path');

const directory = path.join(process.argv[2], 'small-' + process.pid);
const name = (n) => path.join(directory, `file${n}.txt`);
const times = {};
function timed(what, count, work) {
  const start = process.hrtime.bigint();
  for (let n = 0; n < count; n++) work(n);
  times[what] = Number(process.hrtime.bigint() - start) / 1e6;
}
fs.mkdirSync(directory);
timed('write', 1000, (n) => fs.writeFileSync(name(n), 'content '.repeat(64)));
timed('stat', 2000, (n) => fs.statSync(name(n % 1000)));
timed('miss', 1000, (n) => { if (fs.existsSync(name(n) + '.none')) throw new Error('a file that was never made'); });
timed('remove', 1, () => fs.rmSync(directory, { recursive: true }));
console.log(JSON.stringify(times));
