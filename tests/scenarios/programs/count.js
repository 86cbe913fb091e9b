// count.js FILE [CHILD]: counts in an SQLite database, at the same time as a second process, each 100 times in a transaction that reads
// and then writes. Without locks that hold, counts are lost.
const { DatabaseSync } = require('node:sqlite');
const { spawn } = require('child_process');

const [file, child] = process.argv.slice(2);
const database = new DatabaseSync(file);
database.exec('PRAGMA busy_timeout = 60000');
if (!child) database.exec('CREATE TABLE counter (n INTEGER); INSERT INTO counter VALUES (0)');
function count() {
  for (let i = 0; i < 100; i++) {
    database.exec('BEGIN IMMEDIATE');
    const { n } = database.prepare('SELECT n FROM counter').get();
    database.prepare('UPDATE counter SET n = ?').run(n + 1);
    database.exec('COMMIT');
  }
}
if (child) {
  count();
} else {
  const other = spawn(process.execPath, ['--no-warnings', __filename, file, 'child'], { stdio: 'inherit' });
  other.on('exit', (code) => {
    const { n } = database.prepare('SELECT n FROM counter').get();
    const check = database.prepare('PRAGMA integrity_check').get();
    console.log(code, n, Object.values(check)[0]);
  });
  count();
}
