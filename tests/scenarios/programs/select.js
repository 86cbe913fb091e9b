// Makes a table and adds it up, over PostgreSQL's own protocol.
const sql = require('C:\\t\\real\\postgres-js')({ host: '127.0.0.1', user: 'postgres', database: 'postgres' });

(async () => {
  await sql`create table numbers (n int)`;
  await sql`insert into numbers select generate_series(1, 100)`;
  console.log((await sql`select sum(n) from numbers`)[0].sum);
  console.log((await sql`select version()`)[0].version);
  await sql.end();
})();
