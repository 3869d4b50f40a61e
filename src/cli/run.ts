/** parley run: gives a task to the coordinator and follows it to the end. */
import { Command } from 'commander';
import type { RunStatus } from '../coordinator/status.ts';
import type { Run } from '../coordinator/store.ts';
import { budgetRemedy, budgetSpentText, follow, stoppedEarlyText } from './follow.ts';
import { neverCountedText } from './left-out.ts';
import { untilStopped } from './lifetime.ts';
import { shortHash, withOperator } from './operator.ts';
import { createProgress, type Progress, printJson, printLine } from './output.ts';
import { resultTable } from './result.ts';
import { saveArtifact } from './save-artifact.ts';
import { readTaskFile } from './task-file.ts';

interface Options {
  home: string;
  output?: string;
  detach?: boolean;
  json?: boolean;
}

export function runCommand(): Command {
  return new Command('run')
    .description(
      'train a task: submit it, follow its rounds, save the model. The same task again takes up the same run.',
    )
    .argument('<task>', 'task file (YAML)')
    .option('--home <dir>', 'home of the federation', './.parley/federation')
    .option('--output <file>', 'where to save the model (default: NAME.safetensors)')
    .option('--detach', 'submit only; follow with parley status')
    .option('--json', 'print one JSON document')
    .addHelpText(
      'after',
      '\nCtrl-C stops following, not the run: take it up again with the same command, or end it with parley stop.',
    )
    .action(run);
}

async function run(file: string, options: Options): Promise<void> {
  const task = readTaskFile(file);
  const signal = untilStopped();
  const progress = createProgress();
  let submitted: Run | null = null;
  try {
    await withOperator(options.home, async channel => {
      const taken = await channel.post<Run>('/v1/runs', task, signal);
      submitted = taken;
      progress.line(
        `run ${shortHash(taken.task)} of task ${task.name}: ${taken.rounds} rounds, ${taken.parameters} parameters`,
      );
      if (options.detach) return options.json ? printJson(taken) : printLine(taken.task);
      const status = await follow(channel, taken.task, progress, signal).finally(() => progress.end());
      const path = await saveArtifact(channel, status, options.output ?? `${task.name}.safetensors`, signal);
      print(status, path, options.json === true);
      if (status.phase === 'stopped') sayStopped(progress, status);
    });
  } catch (error) {
    if (!signal.aborted) throw error;
    sayInterrupted(progress, submitted !== null);
  }
}

/** Tells what Ctrl-C has ended, and what not, and sets the exit code. */
export function sayInterrupted(progress: Progress, submitted: boolean): void {
  progress.line(
    submitted
      ? 'parley: interrupted; the run goes on\n→ Take it up again with the same command, see parley status, or end it with parley stop.'
      : 'parley: interrupted before the coordinator confirmed the run\n→ Give the same command again, or see parley runs.',
  );
  process.exitCode = 130; // as for a process that SIGINT ended
}

function sayStopped(progress: Progress, status: RunStatus): void {
  const { name } = status;
  const spent = budgetSpentText(status);
  process.exitCode = 1;
  if (spent !== null) return progress.line(`parley: ${name}: ${spent}\n→ ${budgetRemedy}`);
  progress.line(
    `parley: ${name}: this run was stopped\n→ Change the task's name or seed to train it again; the model of its last finished round is kept.`,
  );
}

function print(status: RunStatus, path: string | null, json: boolean): void {
  if (json) return printJson({ ...status, artifact: path });
  printLine(resultTable(status));
  if (status.stoppedEarly !== null) printLine(stoppedEarlyText(status.stoppedEarly));
  const spent = budgetSpentText(status);
  if (spent !== null) printLine(spent);
  const never = neverCountedText(status.reports);
  if (never !== null) printLine(never);
  printLine(path === null ? 'No round was finished: there is no model.' : `model: ${path}`);
}
