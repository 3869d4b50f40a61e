import assert from 'node:assert/strict';
import { test } from 'node:test';
import { groupRound } from '../../src/client/group-round.ts';
import { updateEncoding } from '../../src/core/secagg/make-manifest.ts';
import { sessionId } from '../../src/core/secagg/manifest.ts';
import { packedBytes } from '../../src/core/secagg/packing.ts';
import { syntheticTrainer } from '../../src/simulation/synthetic-trainer.ts';
import { clients, GroupHost, groupTask, player } from './group-host.ts';

const everyone = clients.map((_, at) => at);
const last = clients.length - 1;
/** 2·3 + 3 + 3 + 1 parameters. */
const dimension = 13;

function host(compression: unknown): GroupHost {
  const protection = { kind: 'group', honest: 3, colluders: 0, compression };
  return new GroupHost({
    task: groupTask({ protection, aggregation: { rule: 'mean', weightBy: 'uniform', clipNorm: 10 } }),
  });
}

const half = { kind: 'random-mask', keep: 0.5 };

test('half of the values is half of the bytes of the update that leave', async () => {
  const bytes: number[] = [];
  for (const compression of ['none', half]) {
    const one = host(compression);
    const players = await Promise.all(everyone.map(at => player(one, at)));
    await Promise.all(players.map(({ run }) => run()));
    const figures = one.manifest.segments.find(({ label }) => label === 'figures')?.words ?? 0;
    const [first, ...others] = [...one.inputs.values()].map(({ length }) => length - packedBytes(figures, 32));
    assert.deepEqual(others, [first, first, first]);
    bytes.push(first);
  }
  assert.deepEqual(bytes, [4 * dimension, 4 * Math.ceil(dimension / 2)]);
});

test('a member that would send more values than its round keeps is in another session, and refused; the others have their sum', async () => {
  const one = host(half);
  const { context, ports } = await player(one, last);
  const { task, session } = context;
  const whole = groupTask({ ...task, protection: { kind: 'group', honest: 3, colluders: 0 } });
  const encoding = updateEncoding(whole, clients.length);
  const segments = session.manifest.segments.map(segment =>
    segment.label === 'update' ? { ...segment, words: dimension } : segment,
  );
  const manifest = { ...session.manifest, segments };
  const sid = sessionId(manifest, ports.primitives);
  const stubborn = { ...context, session: { ...session, manifest, sid, encoding, compression: null } };
  const trainer = syntheticTrainer(clients[last].name, context.manifest, ports.clock, () => 0);
  const members = await Promise.all(everyone.slice(0, last).map(at => player(one, at)));
  await Promise.all([groupRound(stubborn, trainer, ports), ...members.map(({ run }) => run())]);
  assert.deepEqual(one.state.survivors, everyone.slice(0, last));
  assert.equal(one.state.stage, 'opened');
});
