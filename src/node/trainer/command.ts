/** The command of a foreign trainer: split without a shell, found before anything else is done. */
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { z } from 'zod';
import { UserError } from '../../core/protocol/problem.ts';

const list = z.array(z.string().regex(/^[^\0]*$/)).min(1);
const word = /(?:[^\s"']|"[^"]*"|'[^']*')+/g;

/**
 * Program and arguments. Text is split at spaces; quotes, double or single, keep them. There is no shell: no variables, no patterns, no
 * pipes, no escapes. Text that begins with `[` is a JSON list of exactly the arguments.
 *
 * Relative paths of files that are there (a program with a slash, an argument with a slash or a dot) are made absolute: the trainer runs
 * in a folder of its own.
 * @param folder where relative paths begin. Throws UserError when the text holds no command or the program is not there.
 */
export function parseTrainerCommand(text: string, folder: string): string[] {
  const words = text.trimStart().startsWith('[') ? fromJson(text) : split(text);
  const argv = words.map((one, i) => {
    const path = resolve(folder, one);
    return (i === 0 ? /[/\\]/ : /[/\\.]/).test(one) && isFile(path) ? path : one;
  });
  if (!isThere(argv[0])) {
    throw new UserError(
      '--trainer',
      `there is no program ${argv[0]}`,
      'Check the spelling, or write its whole path; the rest of the line is given to it as it stands.',
    );
  }
  return argv;
}

function fromJson(text: string): string[] {
  try {
    return list.parse(JSON.parse(text));
  } catch (cause) {
    throw new UserError('--trainer', 'is no JSON list of texts', 'Write for instance ["python3", "train.py"].', {
      cause,
    });
  }
}

function split(text: string): string[] {
  const rest = text.replaceAll(word, '');
  if (/["']/.test(rest)) throw new UserError('--trainer', 'a quote is not closed', 'Close it, or write a JSON list.');
  const words = text.match(word);
  if (words === null) throw new UserError('--trainer', 'names no program', "Write for instance 'python3 train.py'.");
  return words.map(one => one.replaceAll(/"([^"]*)"|'([^']*)'/g, (_, double, single) => double ?? single));
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}

/** Whether the program can be started. On Windows endings are tried by the system: it is asked only then. */
function isThere(program: string): boolean {
  if (process.platform === 'win32') return true;
  const places = program.includes('/')
    ? [program]
    : (process.env.PATH ?? '').split(delimiter).map(place => join(place, program));
  return places.some(path => {
    try {
      accessSync(path, constants.X_OK);
      return isFile(path);
    } catch {
      return false;
    }
  });
}
