const http = require('http');
const greeting = require('greeting');

http.createServer((request, response) => response.end(greeting(request.url.slice(1) || 'you') + '\n'))
  .listen(8080, () => console.log('listening on 8080'));
