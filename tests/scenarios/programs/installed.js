// installed.js: loads a package that was installed in a spelling that is not its own, with all that it loads in turn.
const path = require('path');

const { range, reduce } = require(path.join(process.cwd(), 'NODE_MODULES', 'RxJS', 'Dist', 'CJS', 'INDEX.JS'));
range(1, 15).pipe(reduce((sum, n) => sum + n)).subscribe((sum) => console.log(sum));
