#!/usr/bin/env node
/** Entry point of `parley`. Imports nothing before it knows that this Node can run the rest. */

const needed = 24;

if (Number(process.versions.node.split('.')[0]) < needed) {
  process.stderr.write(`parley: needs Node ${needed} or later; this is Node ${process.versions.node}\n`);
  process.stderr.write(
    '→ In a checkout run: npm run -s parley -- ARGS (it brings its own Node). Elsewhere install Node 24 LTS.\n',
  );
  process.exitCode = 2;
} else {
  const [{ runProgram }, { endOnBrokenPipe }] = await Promise.all([import('./program.ts'), import('./output.ts')]);
  endOnBrokenPipe();
  // npm runs a script in the folder of package.json; paths on the command line are meant from where the user stands.
  if (process.env.npm_lifecycle_event === 'parley' && process.env.INIT_CWD) process.chdir(process.env.INIT_CWD);
  process.exitCode = await runProgram(process.argv.slice(2));
}

export {};
