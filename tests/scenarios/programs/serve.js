// An HTTP server and its client in one process: the request's body is what comes on standard input.
const http = require('node:http');

const server = http.createServer((request, response) => {
  let body = '';
  request.on('data', (chunk) => (body += chunk));
  request.on('end', () => response.end(`${request.method} ${request.url} ${body.length} ${body.slice(-7)}`));
});

server.listen(0, '127.0.0.1', () => {
  let text = '';
  process.stdin.setEncoding('utf8');
  process.stdin.on('data', (chunk) => (text += chunk));
  process.stdin.on('end', async () => {
    const answer = await fetch(`http://127.0.0.1:${server.address().port}/path?q=1`, { method: 'POST', body: text });
    console.log(answer.status, await answer.text());
    console.error('served');
    server.close();
    process.exitCode = 7;
  });
});
