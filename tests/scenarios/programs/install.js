// install.js NPM DIRECTORY PACKAGE…: installs packages from a registry that this program serves on the loopback address. DIRECTORY has an
// archive NAME.tgz and the package.json NAME.json of each.
const crypto = require('crypto');
const fs = require('fs');
const http = require('http');
const path = require('path');
const { spawn } = require('child_process');

const [npm, directory, ...packages] = process.argv.slice(2);
let archives = 0;
const server = http.createServer((request, response) => {
  const [, name, archive] = request.url.split('/');
  const file = path.join(directory, `${name}.tgz`);
  if (!/^[a-z-]+$/.test(name) || !fs.existsSync(file)) {
    response.writeHead(404).end();
    return;
  }
  const content = fs.readFileSync(file);
  if (archive) {
    archives += 1;
    response.end(content);
    return;
  }
  const described = JSON.parse(fs.readFileSync(path.join(directory, `${name}.json`), 'utf8'));
  const tarball = `http://${request.headers.host}/${name}/archive.tgz`;
  const integrity = 'sha512-' + crypto.createHash('sha512').update(content).digest('base64');
  response.setHeader('Content-Type', 'application/json');
  response.end(JSON.stringify({
    name,
    'dist-tags': { latest: described.version },
    versions: { [described.version]: { ...described, dist: { tarball, integrity } } },
  }));
});
server.listen(0, '127.0.0.1', () => {
  const registry = `http://127.0.0.1:${server.address().port}/`;
  const line = [npm, 'install', '--registry', registry, '--no-audit', '--no-fund', '--no-update-notifier', ...packages];
  const child = spawn(process.execPath, line, { stdio: 'inherit' });
  child.on('exit', (code) => {
    console.log('npm', code, archives);
    server.close();
    server.closeAllConnections();
  });
});
