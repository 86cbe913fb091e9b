// What programs do with dockerode: run, exec with input, statistics, files, events.
const assert = require('node:assert/strict');
const { PassThrough } = require('node:stream');
const { text } = require('node:stream/consumers');
const Docker = require(`${process.env.CASEMENT_DOCKERODE}/node_modules/dockerode`);

const docker = new Docker();

async function run() {
  const [out, err] = [new PassThrough(), new PassThrough()];
  const [said, complained] = [text(out), text(err)];
  const [result, container] = await docker.run(
    'alpine', ['sh', '-c', 'echo out; echo err >&2; exit 4'], [out, err], { Tty: false });
  out.end();
  err.end();
  assert.deepEqual([result.StatusCode, await said, await complained], [4, 'out\n', 'err\n']);
  await container.remove();
}

async function exec(container) {
  const exec = await container.exec({ Cmd: ['cat'], AttachStdin: true, AttachStdout: true, AttachStderr: true });
  const stream = await exec.start({ hijack: true, stdin: true });
  const out = new PassThrough();
  const said = text(out);
  docker.modem.demuxStream(stream, out, out);
  stream.end('through exec\n');
  await new Promise((resolve) => stream.on('end', resolve));
  out.end();
  assert.equal(await said, 'through exec\n');
  assert.equal((await exec.inspect()).ExitCode, 0);
}

async function main() {
  assert.equal((await docker.version()).Os, 'windows');
  await run();
  const container = await docker.createContainer({ Image: 'alpine', Cmd: ['sleep', '600'] });
  await container.start();
  await exec(container);
  assert((await container.stats({ stream: false })).num_procs > 0);
  const archive = await container.getArchive({ path: '/etc/config' });
  assert((await text(archive)).includes('config/uhttpd'));
  await assert.rejects(docker.getContainer('nothing').inspect(), { statusCode: 404 });
  await container.stop({ t: 1 });
  assert.equal((await container.inspect()).State.Status, 'exited');
  const listed = await docker.listContainers({ all: true, filters: { status: ['exited'] } });
  assert.deepEqual(listed.map((entry) => entry.Id), [container.id]);
  await container.remove({ v: true });
  const until = Math.ceil(Date.now() / 1000) + 1;
  const events = await text(await docker.getEvents({ since: 1, until, filters: { container: [container.id] } }));
  for (const action of ['create', 'start', 'exec_start: cat', 'die', 'destroy']) {
    assert(events.includes(`"Action":"${action}"`), `${action}: ${events}`);
  }
  console.log('done');
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
