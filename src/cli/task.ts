/** parley task: checks task files. */
import { Command } from 'commander';
import { toHex } from '../core/bytes/floats.ts';
import { dataShape } from '../core/data/data-shape.ts';
import { featureNames } from '../core/data/schema.ts';
import { taskManifest } from '../core/learning/model.ts';
import { parameterCount } from '../core/learning/parameters.ts';
import { encodeTask, TaskError } from '../core/protocol/task.ts';
import type { TaskIssue } from '../core/protocol/task-issue.ts';
import { nodePrimitives } from '../node/primitives.ts';
import { exitRefused, taskErrorLines } from './failure.ts';
import { printJson, printLine } from './output.ts';
import { privacyFigures } from './privacy-task.ts';
import { readTaskFile } from './task-file.ts';
import { taskSummary } from './task-summary.ts';

export function taskCommand(): Command {
  const command = new Command('task').description('check a task file');
  command
    .command('check')
    .description('read a task file, report every error with its path and remedy, and show what the task amounts to')
    .argument('<file>', 'task file (YAML)')
    .option('--json', 'print one JSON document')
    .action((file: string, options: { json?: boolean }) => check(file, options.json === true));
  return command;
}

/** Groups are the default: who wrote nothing about them is told too. */
function isOfGroups({ path, message }: TaskIssue): boolean {
  return /^protection\b/.test(path) || /\bprotection\./.test(message);
}

function check(file: string, json: boolean): void {
  let task: ReturnType<typeof readTaskFile>;
  try {
    task = readTaskFile(file);
  } catch (error) {
    if (!(error instanceof TaskError)) throw error;
    if (json) printJson({ valid: false, file, errors: error.errors });
    else {
      process.stderr.write(`${taskErrorLines(error)}\n→ Correct these places, then give the same command again.\n`);
      if (error.errors.some(({ path }) => /^aggregation\.(rule|byzantine|before)\b/.test(path)))
        process.stderr.write('→ Which rules hold for a cohort: parley rules advise --clients N --byzantine F\n');
      if (error.errors.some(isOfGroups))
        process.stderr.write(
          '→ Which groups a cohort makes: parley groups advise --clients N; fewer than 3 clients make none (protection: inspect)\n',
        );
    }
    process.exitCode = exitRefused;
    return;
  }
  const shape = dataShape(task.data);
  const features = task.data.format === 'csv' ? featureNames(task.data) : [];
  const parameters = parameterCount(taskManifest(task));
  const hash = toHex(nodePrimitives.sha256(encodeTask(task)));
  if (json)
    return printJson({
      valid: true,
      task: hash,
      shape,
      features,
      parameters,
      privacy: privacyFigures(task),
      definition: task,
    });
  printLine(`${file} is a valid task.`);
  const summary = [['name', task.name], ['hash', hash], ...taskSummary(task)];
  for (const [about, text] of summary) printLine(`  ${about.padEnd(10)}  ${text}`);
}
