module.exports = (name) => `hello ${name} from ${process.platform}`;
