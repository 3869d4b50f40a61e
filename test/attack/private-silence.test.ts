/** What must not leave a private run beside the noisy updates: looked for in every log line, report, status and model file. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { roundLine, statusLine } from '../../src/cli/follow.ts';
import { resultTable } from '../../src/cli/result.ts';
import { artifactKey } from '../../src/coordinator/round.ts';
import { decodeSafetensors } from '../../src/core/bytes/safetensors.ts';
import { taskManifest } from '../../src/core/learning/model.ts';
import { parameterCount } from '../../src/core/learning/parameters.ts';
import { TrainerFailure } from '../../src/core/learning/trainer-failure.ts';
import {
  adaptiveFedAvg,
  centralFedAvg,
  dpSgd,
  localFedAvg,
  type PrivateOutcome,
  type PrivateSettings,
  privateRun,
  privateTask,
} from '../simulation/private-federation.ts';

const size = parameterCount(taskManifest(privateTask({ privacy: centralFedAvg })));
/** A step in every parameter of an odd length, so that its norm is no other number by chance. */
const step = 0.1234567;
const norm = step * Math.sqrt(size);

/** Everything that anyone is told of a run, as one text. */
async function told({ logs, status, world }: PrivateOutcome): Promise<string> {
  assert.ok(status !== null);
  const bytes = await world.coordinatorDisk.blobs.read(artifactKey(status.task));
  assert.ok(bytes !== null);
  const { metadata } = decodeSafetensors(bytes);
  const releases = await world.coordinatorDisk.store.releases(status.task);
  const lines = [statusLine(status), resultTable(status), ...status.reports.map(report => roundLine(report, status))];
  return [...logs, status, metadata, releases].map(item => JSON.stringify(item)).join('\n') + lines.join('\n');
}

const cases: Readonly<Record<string, PrivateSettings>> = {
  'noise of the clients': { privacy: localFedAvg },
  'noise of the coordinator': { privacy: centralFedAvg },
  'a clip bound that follows norms': { privacy: adaptiveFedAvg },
  'noise of the coordinator on updates that it clips further': {
    privacy: centralFedAvg,
    aggregation: { rule: 'mean', weightBy: 'uniform', clipNorm: 1000, before: [{ name: 'clip', norm: 0.1 }] },
  },
};

describe('nothing that is told of a run', () => {
  for (const [name, settings] of Object.entries(cases)) {
    test(`holds a loss, a number of rows or steps, or a norm of a site: ${name}`, async () => {
      const text = await told(await privateRun({ ...settings, clients: 4, minimum: 4, step: () => step }));
      // What the trainer says, and the length of what it trained, at five digits.
      const weight = String(0.1 / norm / 3).slice(0, 7);
      for (const figure of [
        weight,
        '0.76543',
        '777123',
        '777_123',
        '31337',
        norm.toPrecision(5).slice(0, 6),
        String(step),
      ])
        assert.ok(
          !text.includes(figure),
          `${figure} in ${text.slice(text.indexOf(figure) - 200, text.indexOf(figure) + 50)}`,
        );
    });

    test(`tells whether an update was clipped: ${name}`, async () => {
      const text = await told(await privateRun({ ...settings, step: () => step }));
      assert.ok(!/withinClip|"norm"|"loss":\d|"received"/.test(text));
    });
  }

  test('counts test rows but with noise, and once', async () => {
    const seen = new Set<string>();
    for (let i = 0; i < 8; i++) {
      const { status, spent } = await privateRun({ privacy: { ...dpSgd, metrics: { epsilon: 0.5 } }, rounds: 1 });
      assert.ok(status?.privacy?.noisyCounts);
      assert.deepEqual([status.clients, status.pooled], [[], null]);
      seen.add(String(status.privacy.noisyCounts.examples));
      for (const entries of spent.values())
        assert.ok(entries.filter(({ purpose }) => purpose === 'evaluate').length <= 1);
    }
    assert.ok(seen.size > 1, 'three sites of ten rows, never the same twice over');
  });

  test('tells that the program of a site failed where whole updates are protected', async () => {
    for (const privacy of [localFedAvg, centralFedAvg, adaptiveFedAvg]) {
      const { status, logs } = await privateRun({
        privacy,
        trainer: (name, task) => ({
          manifest: taskManifest(task),
          async train({ parameters }) {
            if (name === 'site-2') throw new TrainerFailure('train.py', 'ended with code 1', 'Look at what it said.');
            return { parameters, examples: 1, steps: 1, loss: 0 };
          },
          evaluate: () => assert.fail('nobody evaluates for a private task'),
        }),
      });
      assert.deepEqual(status?.refusals, []);
      for (const { combined } of status.reports) assert.deepEqual(combined, ['site-1', 'site-2', 'site-3']);
      const told = logs.filter(({ event }) => event === 'trainer-failed').map(({ party }) => party);
      assert.deepEqual(new Set(told), new Set(['site-2']), 'its operator is told');
    }
  });

  test('tells that training diverged where whole updates are protected', async () => {
    const { status, logs } = await privateRun({
      privacy: centralFedAvg,
      step: client => (client === 'site-2' ? Infinity : 0.1),
    });
    assert.deepEqual(status?.refusals, []);
    assert.deepEqual(status.reports[0].combined, ['site-1', 'site-2', 'site-3']);
    assert.ok(!logs.some(({ event, code }) => code === 'non-finite' || event === 'refused'));
  });
});
