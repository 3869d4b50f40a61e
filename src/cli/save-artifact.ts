/** Saving the model of a run. */
import { resolve } from 'node:path';
import type { RunStatus } from '../coordinator/status.ts';
import { Problem, UserError } from '../core/protocol/problem.ts';
import { writeDurable } from '../node/durable-file.ts';
import type { OperatorChannel } from '../node/http/coordinator-channel.ts';

/** Fetches the model file of a run and writes it; null when the run stopped before a round was finished. */
export async function saveArtifact(
  channel: OperatorChannel,
  status: RunStatus,
  path: string,
  signal?: AbortSignal,
): Promise<string | null> {
  let bytes: Uint8Array;
  try {
    bytes = await channel.bytes(`/v1/runs/${status.task}/artifact`, signal);
  } catch (error) {
    if (error instanceof Problem && error.code === 'not-found') return null;
    throw error;
  }
  try {
    writeDurable(resolve(path), bytes, 0o644);
  } catch (cause) {
    throw new UserError(
      path,
      `cannot be written (${(cause as NodeJS.ErrnoException).code ?? (cause as Error).message})`,
      'Name another file with --output; the coordinator keeps the model.',
      { cause },
    );
  }
  return resolve(path);
}
