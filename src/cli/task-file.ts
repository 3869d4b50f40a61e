/** Reading a task file: YAML in, a valid task out, every error with the place and the remedy. */
import { readFileSync } from 'node:fs';
import { type Document, isAlias, LineCounter, parseDocument, visit } from 'yaml';
import { UserError } from '../core/protocol/problem.ts';
import { parseTask, type Task, TaskError } from '../core/protocol/task.ts';

const largestFile = 4 * 1024 * 1024;

/** Reads and parses a task file. Throws UserError (cannot be read, not YAML) or TaskError (not a task), both naming the file. */
export function readTaskFile(path: string): Task {
  return taskOfDocument(readTaskDocument(path), path);
}

/** Reads a task file as the YAML it is. Throws UserError (cannot be read, not YAML, has aliases). */
export function readTaskDocument(path: string): Document.Parsed {
  const text = readText(path);
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, strict: true, uniqueKeys: true, merge: false });
  const error = document.errors[0];
  if (error !== undefined) {
    const { line, col } = lines.linePos(error.pos[0]);
    throw new UserError(`${path}:${line}:${col}`, error.message.split('\n')[0], 'Correct the YAML at that place.');
  }
  visit(document, {
    Node(_key, node) {
      if (isAlias(node))
        throw new UserError(path, 'uses a YAML alias', 'Write the value out: a task says what it means in one place.');
    },
  });
  return document;
}

/** Parses what a task file holds. Throws TaskError naming the file. */
export function taskOfDocument(document: Document.Parsed, path: string): Task {
  if (document.contents === null)
    throw new TaskError([{ path: '(file)', message: 'is empty', remedy: 'copy examples/heart.task.yaml' }], path);
  try {
    return parseTask(document.toJS());
  } catch (cause) {
    if (!(cause instanceof TaskError)) throw cause;
    throw new TaskError(cause.errors, path);
  }
}

function readText(path: string): string {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    throw new UserError(
      path,
      missing ? 'there is no such file' : `cannot be read (${(cause as Error).message})`,
      'Check the path of the task file.',
      { cause },
    );
  }
  if (bytes.length > largestFile)
    throw new UserError(path, 'is larger than 4 MiB', 'A task file holds settings, not data.');
  return bytes.toString('utf8');
}
