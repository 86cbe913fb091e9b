// git.js LIBGIT2 KOFFI DIRECTORY: makes a repository with libgit2, commits, changes, checks out and packs, and says what it has. Names are
// used in other spellings than the files have.
const fs = require('fs');
const path = require('path');

const [libgit2, koffi, root] = process.argv.slice(2);
const { load, decode } = require(koffi);
const library = load(libgit2);
const git = (declaration) => {
  const call = library.func(`int git_${declaration}`);
  return (...values) => {
    const result = call(...values);
    if (result < 0) throw new Error(`git_${declaration} answers ${result}: ${fault().trim()}`);
    return result;
  };
};
const fault = () => decode(library.func('void *git_error_last()')(), 'char *');
const made = (call, ...values) => {
  const out = [null];
  call(out, ...values);
  return out[0];
};

const openRepository = git('repository_open(_Out_ void **out, const char *path)');
const initRepository = git('repository_init(_Out_ void **out, const char *path, unsigned int bare)');
const repositoryIndex = git('repository_index(_Out_ void **out, void *repository)');
const addAll = git('index_add_all(void *index, void *paths, unsigned int flags, void *callback, void *payload)');
const writeIndex = git('index_write(void *index)');
const writeTree = git('index_write_tree(void *oid, void *index)');
const lookUpTree = git('tree_lookup(_Out_ void **out, void *repository, void *oid)');
const lookUpCommit = git('commit_lookup(_Out_ void **out, void *repository, void *oid)');
const sign = git('signature_new(_Out_ void **out, const char *name, const char *mail, int64_t time, int offset)');
const createCommit = git('commit_create(void *oid, void *repository, const char *reference, void *author, void *committer, ' +
  'const char *encoding, const char *message, void *tree, size_t count, void **parents)');
const newStatus = git('status_list_new(_Out_ void **out, void *repository, void *options)');
const statusOptions = git('status_options_init(void *options, unsigned int version)');
const countStatus = git('status_list_entrycount(void *list)');
const checkoutOptions = git('checkout_options_init(void *options, unsigned int version)');
const checkOutTree = git('checkout_tree(void *repository, void *commit, void *options)');
const setHead = git('repository_set_head(void *repository, const char *reference)');
const detachHead = git('repository_set_head_detached(void *repository, void *oid)');
const newPack = git('packbuilder_new(_Out_ void **out, void *repository)');
const packCommit = git('packbuilder_insert_commit(void *pack, void *oid)');
const writePack = git('packbuilder_write(void *pack, const char *path, unsigned int mode, void *progress, void *payload)');
git('libgit2_init()')();

const FILES = 320;
const name = (n) => `Part${n % 16}/Sub-${n % 3 ? 'Directory' : 'DIR'}/File${n}.Txt`;
const text = (n, version) => `file ${n}, version ${version}\n`.repeat(1 + n % 50);
const at = (file) => path.join(root, file);
const write = (file, content) => {
  fs.mkdirSync(path.dirname(at(file)), { recursive: true });
  fs.writeFileSync(at(file), content);
};
const numbers = [...Array(FILES).keys()];
const repository = made(initRepository, root, 0);
const changed = () => {
  const options = Buffer.alloc(256);
  statusOptions(options, 1);
  options.writeUInt32LE(1 | 16, 8); // untracked files too, those in new directories each by itself
  return countStatus(made(newStatus, repository, options));
};
const commit = (message, parents) => {
  const index = made(repositoryIndex, repository);
  addAll(index, null, 0, null, null);
  writeIndex(index);
  const [tree, id] = [Buffer.alloc(20), Buffer.alloc(20)];
  writeTree(tree, index);
  const who = made(sign, 'A Programmer', 'programmer@example.com', 1700000000, 0);
  const found = parents.map((parent) => made(lookUpCommit, repository, parent));
  createCommit(id, repository, 'HEAD', who, who, null, message, made(lookUpTree, repository, tree), found.length, found);
  return id;
};
const checkOut = (id) => {
  const options = Buffer.alloc(512);
  checkoutOptions(options, 1);
  checkOutTree(repository, made(lookUpCommit, repository, id), options);
};
const same = (expected) => {
  for (const [file, content] of expected) {
    const found = fs.readFileSync(at(file), 'utf8');
    if (found !== content) throw new Error(`${file} has ${JSON.stringify(found)}`);
  }
  return fs.readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !path.relative(root, entry.parentPath).startsWith('.git')).length;
};

const before = new Map(numbers.map((n) => [name(n), text(n, 1)]));
for (const [file, content] of before) write(file, content);
console.log('new', changed());
const first = commit('first', []);
console.log('committed', changed());

const after = new Map(before);
for (const n of numbers) {
  const [file, other] = [name(n), process.platform === 'win32' ? name(n).toUpperCase() : name(n)];
  if (n % 8 === 0) {
    fs.unlinkSync(at(other));
    after.delete(file);
  } else if (n % 8 === 1) {
    write(other, text(n, 2));
    after.set(file, text(n, 2));
  } else if (n % 8 === 2) {
    const moved = `Moved/${n}.txt`;
    fs.mkdirSync(at('Moved'), { recursive: true });
    fs.renameSync(at(other), at(moved));
    after.delete(file);
    after.set(moved, text(n, 1));
  }
}
console.log('changed', changed());
const second = commit('second', [first]);
console.log('committed', changed());

checkOut(first);
detachHead(repository, first);
console.log('first', same(before), changed());
checkOut(second);
setHead(repository, 'refs/heads/master');
console.log('second', same(after), changed());

const pack = made(newPack, repository);
for (const id of [first, second]) packCommit(pack, id);
writePack(pack, null, 0, null, null);
const again = made(openRepository, root);
made(lookUpCommit, again, second);
console.log('packed', fs.readdirSync(at('.git/objects/pack')).length);
const configuration = fs.readFileSync(at('.git/config'), 'utf8');
console.log(/ignorecase = true/.test(configuration) ? 'folds case' : configuration);
console.log('ids', first.toString('hex'), second.toString('hex'));
git('libgit2_shutdown()')();
