/** The options that choose a foreign trainer and its limits: parley client, parley simulate. */
import { type Command, InvalidArgumentError } from 'commander';
import type { Log } from '../core/protocol/ports.ts';
import { UserError } from '../core/protocol/problem.ts';
import { parseTrainerCommand } from '../node/trainer/command.ts';
import { showsProcesses } from '../node/trainer/process-tree.ts';
import type { TrainerSettings } from '../node/trainer/trainer-process.ts';

export interface TrainerLimitOptions {
  trainerTime: number;
  trainerMemory?: number;
}

const defaultSeconds = 300;
const defaultMebibytes = 4096;

/** Adds the limits to a command. */
export function withTrainerLimits(command: Command): Command {
  return command
    .option('--trainer-time <seconds>', 'end a trainer that takes longer for one request', seconds, defaultSeconds)
    .option(
      '--trainer-memory <MiB>',
      `end a trainer that holds more memory, with all it starts (Linux only; default: ${defaultMebibytes})`,
      mebibytes,
    );
}

/** Settings of the trainer that the user named. Throws UserError for a command that is none, or a limit that cannot be kept here. */
export function trainerSettings(command: string, options: TrainerLimitOptions, log: Log): TrainerSettings {
  const { trainerTime, trainerMemory } = options;
  if (trainerMemory !== undefined && !showsProcesses) {
    throw new UserError(
      '--trainer-memory',
      `cannot be kept on ${process.platform}`,
      'Leave it out, and let a program that can limit memory start the trainer.',
    );
  }
  return {
    command: parseTrainerCommand(command, process.cwd()),
    limits: {
      timeMs: 1000 * trainerTime,
      memoryBytes: showsProcesses ? (trainerMemory ?? defaultMebibytes) * 2 ** 20 : null,
    },
    log,
  };
}

function seconds(text: string): number {
  const value = Number(text);
  if (/^\d+(?:\.\d+)?$/.test(text) && value > 0 && value <= 604_800) return value;
  throw new InvalidArgumentError('expected a number of seconds above 0, a week at most');
}

function mebibytes(text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= 1 && value <= 2 ** 30) return value;
  throw new InvalidArgumentError('expected a whole number of mebibytes');
}
