/** One key that all clients hold (NVFlare's homomorphic mode): any of them opens the update of any other. Here nobody holds one that does. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  coordinated,
  copyOf,
  heldShares,
  inputOf,
  pairMasks,
  places,
  recover,
  selfMask,
  stripped,
  TestGroup,
  vectorOf,
} from './secagg-session.ts';

const [size, victim] = [9, 4];
const all = places(size);
const others = all.filter(at => at !== victim);
const session = new TestGroup({ size }).reach('masking');
const vector = await vectorOf(session, victim);
const { t, colluders } = session.manifest.thresholds;
const input = inputOf(victim);

/** The victim's vector without the masks that these members know, each its own pair mask with it. */
function withoutTheirs(coalition: readonly number[]): Promise<Int32Array> {
  const [, ...pairs] = session.masks.get(victim) ?? [];
  const known = pairs.filter((_, i) => coalition.includes(others[i]));
  return stripped(vector, known, session);
}

test('whoever holds the one key that all share opens the vector of the victim alone', async () => {
  // The root of a member, which is that key here: were it everybody's, one would be enough.
  const { self, root } = session.secrets(victim);
  const masks = [selfMask(session, victim, self), ...pairMasks(session, victim, root)];
  assert.deepEqual(await stripped(vector, masks, session), input);
});

test('no member, nor as many as may collude, opens the vector of another with all that they know', async () => {
  for (const coalition of [...others.map(at => [at]), others.slice(0, colluders), others.slice(-colluders)]) {
    const left = await withoutTheirs(coalition);
    assert.equal(left.filter((word, i) => word === input[i]).length, 0);
  }
});

test('even all other members together need the shares: nobody else has the self mask', async () => {
  const left = await withoutTheirs(others);
  assert.equal(left.filter((word, i) => word === input[i]).length, 0);
  const [own] = session.masks.get(victim) ?? [];
  assert.deepEqual(await stripped(left, [own], session), input);
});

test('shares of fewer than t members give no secret: every other secret fits them as well', () => {
  const group = copyOf(session);
  for (const kind of ['self', 'root'] as const) {
    const held = heldShares(group, others.slice(0, t - 1), kind, victim);
    assert.throws(() => recover(group, held), RangeError);
    // With a share that they make up they get a secret, and another one for each: none is likelier.
    const secrets = [1, 2, 3].map(byte =>
      recover(group, new Map([...held, [others[t - 1], new Uint8Array(32).fill(byte)]])),
    );
    assert.equal(new Set(secrets.map(String)).size, 3);
    for (const secret of secrets) assert.notDeepEqual(secret, group.secrets(victim)[kind]);
    assert.deepEqual(recover(group, heldShares(group, others.slice(0, t), kind, victim)), group.secrets(victim)[kind]);
  }
});

test('what the coordinator stores of a session holds no secret of any member, until members open one of each', () => {
  const group = copyOf(session);
  group.input(all);
  const stored = JSON.stringify(coordinated(group, 'group-input'), (_, value) =>
    value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value instanceof Map ? [...value] : value,
  );
  for (const at of all)
    for (const secret of Object.values(group.secrets(at)))
      assert.ok(!stored.includes(Buffer.from(secret).toString('hex')));
  assert.ok(
    stored.includes(Buffer.from(group.inputOf(victim).vector).toString('hex')),
    'this would find what is there',
  );
});

test('keys live for one session: those of another have nothing in common with them', () => {
  const keys = ['one', 'two'].flatMap(seed => {
    const group = new TestGroup({ size: 4, seed }).reach('keys');
    return places(4).map(at => Buffer.from(group.payload('group-keys', at).subarray(40)).toString('hex'));
  });
  assert.equal(new Set(keys).size, 8);
});
