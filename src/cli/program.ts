/** The `parley` program: finds the command on the command line, loads only that one, and runs it. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { type CommandEntry, commands } from './commands.ts';
import { reportFailure } from './failure.ts';
import { packageRoot } from './package-root.ts';

/** Runs the command line (without node and the script) and returns the exit code. Reports failures itself. */
export async function runProgram(
  args: readonly string[],
  table: Readonly<Record<string, CommandEntry>> = commands,
): Promise<number> {
  try {
    const requested = requestedName(args);
    const program = await buildProgram(requested, table);
    // Of itself `help` would show the general help and not say why.
    if (asksForHelp(args) && requested !== undefined && requested !== 'help' && !Object.hasOwn(table, requested))
      program.error(`error: unknown command '${requested}'`);
    await program.parseAsync(args, { from: 'user' });
    // A command that has a result which is not a failure of its own (conformance) sets the exit code and returns.
    return Number(process.exitCode ?? 0);
  } catch (error) {
    return reportFailure(error);
  }
}

/** The first word that is no flag; after `help` the next one. */
function requestedName(args: readonly string[]): string | undefined {
  return words(args)[asksForHelp(args) ? 1 : 0];
}

function asksForHelp(args: readonly string[]): boolean {
  return words(args)[0] === 'help';
}

function words(args: readonly string[]): string[] {
  return args.filter(arg => !arg.startsWith('-'));
}

async function buildProgram(
  requested: string | undefined,
  table: Readonly<Record<string, CommandEntry>>,
): Promise<Command> {
  const program = new Command('parley')
    .description('Federated learning for organisations that trust neither each other nor the server.')
    .version(version(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'parley: ')) })
    .addHelpCommand(new Command('help').argument('[command]').helpGroup('Help:').summary('print the help of a command'))
    .showHelpAfterError('→ See: parley --help')
    .exitOverride();
  for (const [name, entry] of Object.entries(table)) {
    const command = name === requested ? await entry.load() : new Command(name);
    if (command.name() !== name)
      throw new TypeError(`command table: "${name}" loads a command named "${command.name()}"`);
    inherit(command, program, `parley ${name}`);
    program.addCommand(command.summary(entry.summary).helpGroup(entry.group));
  }
  return program;
}

/** Commander copies settings only to commands it creates itself. */
function inherit(command: Command, parent: Command, path: string): void {
  command.copyInheritedSettings(parent).showHelpAfterError(`→ See: ${path} --help`);
  for (const child of command.commands) inherit(child, command, `${path} ${child.name()}`);
}

function version(): string {
  const file = join(packageRoot, 'package.json');
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}
