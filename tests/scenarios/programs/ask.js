// Asks the server of listen.js, and says where it runs.
fetch('http://127.0.0.1:8080/news').then(async (answer) => {
  console.log(answer.status, await answer.text());
  console.log(process.platform, process.version.split('.')[0], require('node:os').release());
});
