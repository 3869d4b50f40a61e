/** Attacks of a member on a round whose noise the coordinator adds, and what an honest member must not tell by accident. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { taskManifest } from '../../src/core/learning/model.ts';
import { parameterCount } from '../../src/core/learning/parameters.ts';
import type { Update } from '../../src/core/protocol/message.ts';
import {
  adaptiveFedAvg,
  centralFedAvg,
  dpSgd,
  type PrivateSettings,
  privateTask,
  privateWorld,
} from '../simulation/private-federation.ts';
import { HostileClient, honestUpdate } from './hostile-client.ts';

const size = parameterCount(taskManifest(privateTask({ privacy: centralFedAvg })));
const mallory = 'site-3';
/** What an honest member says beside its update. */
const silent = { examples: 1, steps: 1, loss: null };

/** A vector of this L2 norm. */
const ofNorm = (norm: number): Float32Array => new Float32Array(size).fill(norm / Math.sqrt(size));

interface Attack extends PrivateSettings {
  readonly values?: Float32Array;
  readonly fields?: Partial<Update>;
}

/** Two honest clients and one that sends this in the first round: how it was answered, and that the others went on. */
async function attacked({ values = ofNorm(1), fields = {}, ...settings }: Attack): Promise<string> {
  const { world, outcome } = privateWorld({ ...settings, rounds: 1, clients: 3, minimum: 2, hostile: [mallory] });
  const client = new HostileClient(world, mallory);
  const answer = (async () => {
    const { envelope, assignment } = await client.assignment();
    const { update, tensor } = honestUpdate(assignment, values);
    return client.submit(envelope, { update: { ...update, ...silent, ...fields }, tensor });
  })();
  const { status, world: after } = await outcome();
  assert.equal(status?.phase, 'finished');
  assert.deepEqual(after.defects, []);
  const code = await answer;
  assert.equal(status.reports[0].combined.includes(mallory), code === 'accepted');
  return code;
}

describe('a client of a round whose noise the coordinator adds', () => {
  const privacy = centralFedAvg;

  test('is admitted with an update exactly as long as the noise is for', async () => {
    assert.equal(await attacked({ privacy }), 'accepted');
  });

  test('is refused with a longer one, also where the task lets updates be longer', async () => {
    assert.equal(await attacked({ privacy, values: ofNorm(1.001) }), 'norm-exceeded');
    assert.equal(
      await attacked({ privacy: adaptiveFedAvg, values: ofNorm(1.001), fields: { withinClip: true } }),
      'norm-exceeded',
    );
  });

  test('cannot claim a weight, steps, a loss or a quality', async () => {
    for (const fields of [{ examples: 2 }, { examples: 1e6 }, { examples: 0.5 }, { steps: 2 }, { loss: 0.5 }] as const)
      assert.equal(await attacked({ privacy, fields }), 'malformed', JSON.stringify(fields));
    const evaluation = {
      kind: 'classes',
      examples: 2,
      correct: 1,
      logLoss: 1,
      classCounts: [1, 1],
      auc: null,
      scores: null,
    } as const;
    assert.equal(await attacked({ privacy, fields: { evaluation: evaluation as never } }), 'malformed');
  });

  test('tells whether it was clipped where the bound follows norms, and nowhere else', async () => {
    assert.equal(await attacked({ privacy, fields: { withinClip: true } }), 'malformed');
    assert.equal(await attacked({ privacy: adaptiveFedAvg }), 'malformed');
    assert.equal(await attacked({ privacy: adaptiveFedAvg, fields: { withinClip: false } }), 'accepted');
  });
});

test('a client that adds noise at every step cannot tell figures by accident: they are refused', async () => {
  const fields = { steps: 2 };
  assert.equal(await attacked({ privacy: dpSgd, fields }), 'accepted');
  assert.equal(await attacked({ privacy: dpSgd, fields: { ...fields, loss: 0.3 } }), 'malformed');
  assert.equal(await attacked({ privacy: dpSgd, fields: { ...fields, examples: 120 } }), 'malformed');
});
