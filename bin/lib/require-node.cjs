// Plain old syntax on purpose: this file must still parse on the Node versions that it turns away.
var wanted = [20, 19];
var have = process.versions.node.split('.').map(Number);
if (have[0] < wanted[0] || (have[0] === wanted[0] && have[1] < wanted[1])) {
  console.error(
    'Usher needs Node ' +
      wanted.join('.') +
      ' or newer; this is Node ' +
      process.versions.node +
      '.\n' +
      'Install a current Node from https://nodejs.org (or with nvm, fnm, volta) and run the command again.',
  );
  process.exit(1);
}
