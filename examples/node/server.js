const http = require('http');
const greeting = require('greeting');

const server = http.createServer((request, response) => response.end(greeting(request.url.slice(1) || 'you') + '\n'));
server.listen(8080, () => console.log('listening on 8080'));
// `node server.js --ask NAME` asks itself once, for containers without a network.
const ask = process.argv.indexOf('--ask');
if (ask > 0) {
  server.on('listening', () => http.get(`http://127.0.0.1:8080/${process.argv[ask + 1]}`, (answer) => {
    answer.pipe(process.stdout);
    answer.on('end', () => server.close());
  }));
}
