/** The model that a round starts from: what the coordinator signed for, and nothing else. */
import { bytesToFloats, sameBytes } from '../core/bytes/floats.ts';
import { parameterCount } from '../core/learning/parameters.ts';
import { Problem } from '../core/protocol/problem.ts';
import type { ClientPorts } from './ports.ts';
import type { RoundContext } from './stages.ts';

/** The global model, only if its bytes are those the coordinator signed for. Throws Problem. */
export async function fetchModel(context: RoundContext, ports: ClientPorts): Promise<Float32Array> {
  const { assignment, taskId, round, manifest } = context;
  const bytes = await ports.channel.model(taskId, round, 4 * parameterCount(manifest));
  if (!sameBytes(await ports.primitives.sha256Large(bytes), assignment.model))
    throw new Problem('bad-digest', 'the model is not the one announced');
  const values = bytesToFloats(bytes);
  if (values.length !== parameterCount(manifest)) throw new Problem('malformed', 'the model has the wrong length');
  await ports.step('model-verified');
  return values;
}
