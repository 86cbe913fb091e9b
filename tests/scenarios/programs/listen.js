// An HTTP server that serves until it is stopped.
const http = require('node:http');

http.createServer((request, response) => response.end(`you asked for ${request.url}`))
  .listen(8080, '127.0.0.1', () => console.log('listening'));
