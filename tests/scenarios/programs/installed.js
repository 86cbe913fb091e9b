// installed.js: requires, in a spelling that is not theirs, all modules of a package that was installed, and adds up what they say.
const fs = require('fs');
const path = require('path');

const root = path.join(process.cwd(), 'NODE_MODULES', 'Many-Modules');
let files = 0;
let sum = 0;
for (const directory of fs.readdirSync(root)) {
  if (!fs.statSync(path.join(root, directory)).isDirectory()) continue;
  for (const name of fs.readdirSync(path.join(root, directory))) {
    files += 1;
    sum += require(path.join(root, directory.toUpperCase(), name.replace('Module', 'mODULE')));
  }
}
console.log(files, sum);
