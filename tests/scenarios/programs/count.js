// count.js FILE MODE [CHILD]: counts in an SQLite database, at the same time as a second process, in transactions that read and then
// write, until both have counted a hundred times. Without locks that hold, counts are lost. MODE is that of its journal; `wal` maps memory
// that both share. Prints how the second one ended, whether nothing was lost, and what SQLite says of the file.
const { DatabaseSync } = require('node:sqlite');
const { spawn } = require('child_process');

const [file, mode, child] = process.argv.slice(2);
const database = new DatabaseSync(file);
const ask = (text) => Object.values(database.prepare(text).get())[0];
database.exec('PRAGMA busy_timeout = 60000');
function count(me) {
  let all;
  do {
    database.exec('BEGIN IMMEDIATE');
    const n = ask('SELECT n FROM counter');
    database.prepare('INSERT INTO turns VALUES (?)').run(me);
    all = ask('SELECT min(count) FROM (SELECT count(*) FILTER (WHERE who = 0) AS count FROM turns '
      + 'UNION ALL SELECT count(*) FILTER (WHERE who = 1) FROM turns)');
    database.prepare('UPDATE counter SET n = ?').run(n + 1);
    database.exec('COMMIT');
  } while (all < 100);
}
if (child) {
  count(1);
} else {
  if (ask(`PRAGMA journal_mode = ${mode}`) !== mode) process.exit(9);
  database.exec('CREATE TABLE counter (n INTEGER); INSERT INTO counter VALUES (0); CREATE TABLE turns (who INTEGER)');
  const other = spawn(process.execPath, ['--no-warnings', __filename, file, mode, 'child'], { stdio: 'inherit' });
  other.on('exit', (code) => {
    const kept = ask('SELECT n FROM counter') === ask('SELECT count(*) FROM turns');
    console.log(code, kept, ask('PRAGMA integrity_check'));
  });
  count(0);
}
