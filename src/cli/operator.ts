/** The operator's side of a command: the connection to the coordinator, and finding a run by name or hash. */
import type { Run } from '../coordinator/store.ts';
import { Problem, UserError } from '../core/protocol/problem.ts';
import { readFederation } from '../node/authority/home.ts';
import { operatorCredentials } from '../node/authority/own-processes.ts';
import { type OperatorChannel, openOperatorChannel } from '../node/http/coordinator-channel.ts';

/** Runs an action with a connection to the coordinator of a federation's home; the connection is closed after it. */
export async function withOperator<T>(home: string, action: (channel: OperatorChannel) => Promise<T>): Promise<T> {
  const { coordinatorUrl } = readFederation(home);
  const credentials = await operatorCredentials(home);
  const channel = openOperatorChannel(coordinatorUrl, () => credentials);
  try {
    return await action(channel);
  } catch (error) {
    if (error instanceof Problem && error.code === 'unavailable') {
      throw new UserError(coordinatorUrl, `the coordinator does not answer (${error.detail})`, remedyOf(error, home), {
        cause: error,
      });
    }
    throw error;
  } finally {
    channel.close();
  }
}

function remedyOf(error: Problem, home: string): string {
  const code = String((error.cause as NodeJS.ErrnoException | undefined)?.code ?? '');
  if (/CERT|TLS|SSL|SIGNATURE|ISSUER/.test(code)) {
    return `Check the clock of this machine, and that ${home} is the home of the federation that this coordinator serves.`;
  }
  return `Start it: parley coordinator --home ${home}. If it runs, check its log, the network and the firewall.`;
}

export interface RunList {
  readonly runs: readonly Run[];
  readonly present: readonly string[];
}

/** The run whose name or hash prefix is given; without one, the newest. Throws UserError. */
export async function findRun(channel: OperatorChannel, wanted?: string): Promise<Run> {
  const { runs } = await channel.get<RunList>('/v1/runs');
  const found =
    wanted === undefined
      ? runs.slice(-1)
      : runs.filter(run => run.name === wanted || (wanted.length >= 6 && run.task.startsWith(wanted)));
  if (found.length === 1) return found[0];
  if (found.length === 0) {
    throw new UserError(
      wanted ?? 'runs',
      wanted === undefined ? 'there are none yet' : 'no run has this name or hash',
      'List them: parley runs. Start one: parley run TASK.',
    );
  }
  throw new UserError(
    wanted ?? 'runs',
    `${found.length} runs have this name`,
    'Name the run by its hash: parley runs.',
  );
}

/** A run's hash as people see it. */
export function shortHash(task: string): string {
  return task.slice(0, 12);
}
