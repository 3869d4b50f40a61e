import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { decodeCbor, encodeCbor } from '../../../src/core/bytes/cbor.ts';
import { eventEpsilon, eventRdp } from '../../../src/core/privacy/event-rdp.ts';
import { Ledger, replay } from '../../../src/core/privacy/ledger.ts';
import { LedgerBroken, type StoredEntry, sealEntry } from '../../../src/core/privacy/ledger-entry.ts';
import type { Spend } from '../../../src/core/privacy/ledger-port.ts';
import { rdpToEpsilon } from '../../../src/core/privacy/rdp-conversion.ts';
import { Problem } from '../../../src/core/protocol/problem.ts';
import { settings, sha256, spend, taskA, taskB } from './ledger-samples.ts';

/** A ledger with all its entries. */
class Book {
  readonly entries: StoredEntry[] = [];
  readonly ledger: Ledger;

  constructor(limits = {}) {
    this.ledger = new Ledger(settings(limits));
  }

  append(...entries: readonly StoredEntry[]): void {
    for (const entry of entries) {
      this.ledger.append(entry);
      this.entries.push(entry);
    }
  }

  /** Number of the reservation. */
  reserve(asked: Spend): number {
    const { entries, index } = this.ledger.reserve(asked);
    this.append(...entries);
    return index;
  }

  /** The code of the refusal, or null. */
  tries(asked: Spend): string | null {
    try {
      this.reserve(asked);
      return null;
    } catch (error) {
      assert.ok(error instanceof Problem, String(error));
      return error.code;
    }
  }

  get task() {
    return this.ledger.lines.find(line => line.task !== null) ?? assert.fail('no line');
  }

  get state() {
    return { lines: this.ledger.lines, spent: this.ledger.spent, head: this.ledger.head };
  }
}

describe('a task with everything fixed', () => {
  test('is charged what the accountant says for all its events together', () => {
    const book = new Book();
    for (const round of [1, 2, 3]) {
      book.reserve(spend(round));
      const all = { kind: 'repeated', of: spend(1).event, count: round } as const;
      assert.equal(book.task.spent, eventEpsilon(all, 1e-5).epsilon);
      assert.equal(book.task.stated, book.task.spent);
    }
  });

  test('is refused the first event that would bring it beyond its limit, and nothing has changed', () => {
    const book = new Book();
    let round = 1;
    while (book.tries(spend(round)) === null) round++;
    assert.equal(round, 6);
    assert.ok(book.task.spent <= 2);
    const before = book.state;
    assert.equal(book.tries(spend(round)), 'budget-spent');
    assert.deepEqual(book.state, before);
    assert.match(
      refusal(book, spend(6)),
      /task aaaaaaaaaaaa: ε 1\.844 is spent; round 6 would bring it to 2\.0104, .* 2 at δ = 1e-5/,
    );
  });

  test('takes a budget that is exactly what it needs, and not one unit in the last place less', () => {
    const rounds = 40;
    const exact = eventEpsilon({ kind: 'repeated', of: spend(1).event, count: rounds }, 1e-5).epsilon;
    for (const [epsilon, fits] of [
      [exact, true],
      [exact * (1 - Number.EPSILON), false],
    ] as const) {
      const book = new Book();
      const limit = { epsilon, delta: 1e-5 };
      const answers = Array.from({ length: rounds }, (_, i) => book.tries(spend(i + 1, { limit })));
      assert.equal(answers[rounds - 1] === null, fits);
      assert.ok(answers.slice(0, -1).every(answer => answer === null));
    }
  });

  test('is refused what slips more often than its δ allows', () => {
    const event = (slip: number): Spend['event'] => ({
      kind: 'discrete-gaussian',
      noiseSteps: 1e6,
      sensitivitySteps: 1,
      slip,
      count: 10,
    });
    assert.equal(new Book().tries(spend(1, { event: event(1.1e-6) })), 'budget-spent');
    const book = new Book();
    assert.equal(book.tries(spend(1, { event: event(0.4e-6) })), null);
    assert.equal(book.tries(spend(2, { event: event(0.4e-6) })), null);
    assert.equal(book.tries(spend(3, { event: event(0.4e-6) })), 'budget-spent');
  });

  test('is charged no more than ε for what is ε-private without any δ, and k times that for k', () => {
    const event = { kind: 'epsilon-delta', epsilon: 0.25, delta: 0 } as const;
    for (const delta of [1e-3, 1e-5, 1e-9]) {
      const book = new Book();
      for (let round = 1; round <= 4; round++) book.reserve(spend(round, { event, limit: { epsilon: 1, delta } }));
      assert.ok(book.task.spent <= 1);
      assert.equal(book.tries(spend(5, { event, limit: { epsilon: 1, delta } })), 'budget-spent');
    }
  });

  test('is refused at once when the event protects nothing', () => {
    assert.equal(new Book().tries(spend(1, { event: { kind: 'not-private' } })), 'budget-spent');
    assert.equal(new Book().tries(spend(1, { event: { kind: 'gaussian', noiseMultiplier: 0 } })), 'budget-spent');
  });
});

describe('a task whose noise follows releases', () => {
  const adaptive = { isFixed: false } as const;

  test('never spends more than its limit at the one order that was chosen before the first release', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0.6, max: 8, noNaN: true }), { minLength: 1, maxLength: 60 }),
        fc.double({ min: 0.05, max: 8, noNaN: true }),
        (noises, epsilon) => {
          const book = new Book();
          const limit = { epsilon, delta: 1e-5 };
          let [rdp, order] = [0, Number.NaN];
          for (const [i, noiseMultiplier] of noises.entries()) {
            const event = { kind: 'gaussian', noiseMultiplier } as const;
            if (book.tries(spend(i + 1, { ...adaptive, event, limit })) !== null) continue;
            if (Number.isNaN(order)) order = book.task.order ?? assert.fail('no order');
            rdp += eventRdp(event, [order])[0];
            assert.equal(book.task.order, order);
            assert.ok(rdpToEpsilon(order, rdp, 1e-5) <= epsilon);
          }
        },
      ),
      { seed: 5, numRuns: 100 },
    );
  });

  test('states its limit, however little was counted', () => {
    const book = new Book();
    book.reserve(spend(1, adaptive));
    assert.ok(book.task.spent < 1.5);
    assert.equal(book.task.stated, 2);
  });

  test('has fewer rounds than one with all fixed, by little', () => {
    const rounds = (isFixed: boolean): number => {
      const book = new Book();
      let round = 1;
      while (book.tries(spend(round, { isFixed, event: { kind: 'gaussian', noiseMultiplier: 20 } })) === null) round++;
      return round - 1;
    };
    assert.deepEqual([rounds(true), rounds(false)], [86, 85]);
  });

  test('cannot be made a fixed one later, nor be given another limit', () => {
    const book = new Book();
    book.reserve(spend(1, adaptive));
    const before = book.state;
    assert.throws(() => book.ledger.reserve(spend(2)), RangeError);
    assert.throws(() => book.ledger.reserve(spend(2, { ...adaptive, limit: { epsilon: 3, delta: 1e-5 } })), RangeError);
    assert.throws(() => book.ledger.reserve(spend(2, { ...adaptive, limit: { epsilon: 2, delta: 1e-4 } })), RangeError);
    assert.deepEqual(book.state, before);
  });
});

describe('a set of units', () => {
  const records = { records: { epsilon: 2.2, delta: 1e-4 } };

  test('is charged by all tasks, and its limit stops a task that has budget left', () => {
    const book = new Book(records);
    for (let round = 1; round <= 5; round++) assert.equal(book.tries(spend(round)), null);
    let round = 1;
    while (book.tries(spend(round, { task: taskB })) === null) round++;
    assert.match(refusal(book, spend(round, { task: taskB })), /^budget-spent: all tasks on records/);
    const [a, b, set] = book.ledger.lines;
    assert.ok(b.spent < 1.8, 'the task itself could go on');
    assert.ok(set.spent <= 2.2 && set.spent > Math.max(a.spent, b.spent));
    assert.equal(set.stated, 2.2);
  });

  test('that its keeper does not limit is added up, and stops nothing', () => {
    const book = new Book();
    for (const task of [taskA, taskB]) for (let round = 1; round <= 5; round++) book.reserve(spend(round, { task }));
    const set = book.ledger.lines[2];
    assert.equal(set.epsilon, null);
    assert.ok(set.spent > 2.4);
    assert.equal(set.stated, Number.POSITIVE_INFINITY);
  });

  test('apart from another one is charged by itself', () => {
    const book = new Book({ ...records, others: { epsilon: 2.2, delta: 1e-4 } });
    for (const units of ['records', 'others'])
      for (let round = 1; round <= 5; round++) assert.equal(book.tries(spend(round, { units })), null);
    assert.deepEqual(
      book.ledger.lines.map(line => line.units),
      ['records', 'others', 'records', 'others'],
    );
  });

  test('takes a limit that its owner changed from then on, at the order it had', () => {
    const book = new Book(records);
    for (let round = 1; round <= 5; round++) book.reserve(spend(round));
    const order = book.ledger.lines[1].order;
    const stricter = replay(book.entries, settings({ records: { epsilon: 1, delta: 1e-4 } }));
    assert.throws(() => stricter.reserve(spend(1, { task: taskB })), { code: 'budget-spent' });
    const wider = replay(book.entries, settings({ records: { epsilon: 30, delta: 1e-3 } }));
    for (const entry of wider.reserve(spend(1, { task: taskB })).entries) wider.append(entry);
    const set = wider.lines[2];
    assert.deepEqual([set.epsilon, set.delta, set.order], [30, 1e-3, order]);
  });
});

describe('what does not mix', () => {
  test('another relation on the same task, or on a set with a limit, is refused, and nothing has changed', () => {
    const book = new Book({ records: { epsilon: 9, delta: 1e-4 } });
    book.reserve(spend(1));
    const before = book.state;
    assert.equal(book.tries(spend(2, { relation: 'replace' })), 'budget-spent');
    assert.equal(book.tries(spend(1, { task: taskB, relation: 'zero-out' })), 'budget-spent');
    assert.equal(book.tries(spend(1, { task: taskB, unit: 'user', units: 'records' })), 'budget-spent');
    assert.match(
      refusal(book, spend(2, { relation: 'replace' })),
      /record, add-remove; record, replace cannot be added/,
    );
    assert.deepEqual(book.state, before);
    assert.equal(book.tries(spend(1, { task: taskB, unit: 'organisation', relation: 'replace' })), null);
  });

  test('relations of a set without a limit are added up apart; a limit that comes later finds them mixed', () => {
    const book = new Book();
    book.reserve(spend(1));
    book.reserve(spend(1, { task: taskB, relation: 'replace' }));
    assert.equal(book.tries(spend(2, { relation: 'replace' })), 'budget-spent', 'one task has one relation');
    const sets = book.ledger.lines.filter(line => line.task === null);
    assert.deepEqual(
      sets.map(({ relation }) => relation),
      ['add-remove', 'replace'],
    );
    const limited = replay(book.entries, settings({ records: { epsilon: 1e6, delta: 1e-4 } }));
    assert.throws(() => limited.reserve(spend(2)), {
      code: 'budget-spent',
      message: /all tasks on records: spent for/,
    });
  });

  test('test rows are another set of units than training rows, unless a seed deals them out', () => {
    const counts = { purpose: 'evaluate', event: { kind: 'laplace', scale: 1 } } as const;
    const apart = new Book();
    for (let round = 1; round <= 5; round++) apart.reserve(spend(round));
    assert.equal(apart.tries(spend(6, counts)), null);
    assert.deepEqual(
      apart.ledger.lines.map(line => line.purpose),
      ['train', 'evaluate', null],
    );
    const together = new Book();
    for (let round = 1; round <= 5; round++) together.reserve(spend(round));
    const shared = spend(6, { ...counts, sharesUnits: true });
    assert.equal(together.tries(shared), 'budget-spent');
    assert.match(refusal(together, shared), /is spent; counting test rows would bring it to/);
  });
});

describe('a reservation', () => {
  test('has spent, whatever becomes of it, and a second one of the same round spends again', () => {
    const book = new Book();
    const first = book.ledger.reserve(spend(1));
    assert.equal(first.repeats, 0);
    book.append(...first.entries);
    const once = book.task.spent;
    const second = book.ledger.reserve(spend(1));
    assert.equal(second.repeats, 1);
    book.append(...second.entries);
    assert.ok(book.task.spent > once);
    assert.deepEqual(
      book.ledger.spent.map(({ round, isRepeated, state }) => [round, isRepeated, state]),
      [
        [1, false, 'reserved'],
        [1, true, 'reserved'],
      ],
    );
  });

  test('is committed once, and released once after that', () => {
    const book = new Book();
    const index = book.reserve(spend(1));
    assert.throws(() => book.ledger.settle('release', index), RangeError);
    book.append(book.ledger.settle('commit', index));
    assert.throws(() => book.ledger.settle('commit', index), RangeError);
    book.append(book.ledger.settle('release', index));
    assert.throws(() => book.ledger.settle('release', index), RangeError);
    assert.throws(() => book.ledger.settle('commit', 0), RangeError);
    assert.throws(() => book.ledger.settle('commit', 99), RangeError);
    assert.equal(book.ledger.spent[0].state, 'released');
  });

  test('of what means nothing is refused before anything is made', () => {
    const book = new Book();
    const wrong: Partial<Spend>[] = [
      { round: 0 },
      { round: 1.5 },
      { task: 'short' },
      { plan: 'x' },
      { limit: { epsilon: Number.NaN, delta: 1e-5 } },
      { limit: { epsilon: -1, delta: 1e-5 } },
      { limit: { epsilon: 2, delta: 2 } },
      { event: { kind: 'unheard-of' } as unknown as Spend['event'] },
      { event: { kind: 'gaussian', noiseMultiplier: Number.NaN } },
      { units: '' },
    ];
    for (const changes of wrong) {
      assert.throws(
        () => book.reserve(spend(1, changes)),
        error => error instanceof RangeError || error instanceof TypeError || error instanceof Problem,
        JSON.stringify(changes),
      );
    }
    assert.equal(book.ledger.length, 0);
  });

  test('among ten thousand entries calculates no divergence anew', () => {
    const book = new Book();
    const limit = { epsilon: 1e5, delta: 1e-5 };
    for (let round = 1; round <= 3332; round++) {
      const index = book.reserve(spend(round, { limit }));
      book.append(book.ledger.settle('commit', index));
      book.append(book.ledger.settle('release', index));
    }
    assert.ok(book.ledger.length >= 9998);
    book.ledger.reserve(spend(4000, { limit }));
    assert.equal(book.ledger.evaluations, 1);
  });
});

describe('the chain', () => {
  /** Two tasks, every kind of entry. */
  function sample(): Book {
    const book = new Book({ records: { epsilon: 9, delta: 1e-4 } });
    const index = book.reserve(spend(1));
    book.append(book.ledger.settle('commit', index));
    book.append(book.ledger.settle('release', index));
    book.reserve(spend(1, { task: taskB, isFixed: false, plan: 'c'.repeat(64) }));
    return book;
  }

  test('gives the live state when it is replayed, whatever was done', () => {
    const asked = fc.record({
      task: fc.constantFrom(taskA, taskB),
      round: fc.integer({ min: 1, max: 4 }),
      noise: fc.constantFrom(1, 3, 10),
      settle: fc.constantFrom(null, 'commit', 'release'),
    });
    fc.assert(
      fc.property(fc.array(asked, { maxLength: 30 }), fc.double({ min: 0.1, max: 5, noNaN: true }), (all, epsilon) => {
        const limits = { records: { epsilon, delta: 1e-4 } };
        const book = new Book(limits);
        for (const { task, round, noise, settle } of all) {
          const event = { kind: 'gaussian', noiseMultiplier: noise } as const;
          const before = book.ledger.length;
          if (book.tries(spend(round, { task, event, isFixed: task === taskA })) !== null) {
            assert.equal(book.ledger.length, before);
            continue;
          }
          const index = book.ledger.length - 1;
          if (settle !== null) book.append(book.ledger.settle('commit', index));
          if (settle === 'release') book.append(book.ledger.settle('release', index));
        }
        const again = replay(book.entries, settings(limits));
        assert.deepEqual({ lines: again.lines, spent: again.spent, head: again.head }, book.state);
        for (const { spent, epsilon: limit } of again.lines) assert.ok(limit === null || spent <= limit);
      }),
      { seed: 6, numRuns: 60 },
    );
  });

  test('spends the same in whatever order equal rounds of tasks come', () => {
    const spends = [1, 2, 3].flatMap(round => [spend(round), spend(round, { task: taskB })]);
    fc.assert(
      fc.property(fc.shuffledSubarray(spends, { minLength: spends.length }), shuffled => {
        const book = new Book();
        for (const asked of shuffled) book.reserve(asked);
        const of = (task: string | null) => book.ledger.lines.find(line => line.task === task)?.spent;
        const straight = new Book();
        for (const asked of spends) straight.reserve(asked);
        for (const task of [taskA, taskB, null])
          assert.equal(of(task), straight.ledger.lines.find(line => line.task === task)?.spent);
      }),
      { seed: 7, numRuns: 20 },
    );
  });

  test('is broken by a flip of any bit of any entry or hash, and names that entry', () => {
    const ledger = new Ledger(settings());
    for (const [i, stored] of sample().entries.entries()) {
      const { bytes, digest } = stored;
      const isBroken = (changed: StoredEntry): void =>
        assert.throws(() => ledger.append(changed), { name: 'LedgerBroken', index: i });
      for (let bit = 0; bit < bytes.length * 8; bit++) {
        const flipped = bytes.slice();
        flipped[bit >> 3] ^= 1 << (bit & 7);
        isBroken({ bytes: flipped, digest });
      }
      for (let at = 0; at < digest.length; at++) {
        const other = digest[at] === '0' ? '1' : '0';
        isBroken({ bytes, digest: digest.slice(0, at) + other + digest.slice(at + 1) });
      }
      ledger.append(stored);
    }
  });

  test('is broken at the next entry by one that was rewritten with its own hash', () => {
    const { entries } = sample();
    for (let i = 0; i < entries.length - 1; i++) {
      const entry = decodeCbor(entries[i].bytes) as Record<string, unknown>;
      const rewritten = encodeCbor({
        ...entry,
        ...('build' in entry ? { build: 'other' } : { kind: entry.kind === 'commit' ? 'release' : 'commit' }),
      });
      const stored = { bytes: rewritten, digest: Buffer.from(sha256(rewritten)).toString('hex') };
      const at = brokenAt([...entries.slice(0, i), stored, ...entries.slice(i + 1)]);
      assert.ok(at === i || at === i + 1, `entry ${i}: ${at}`);
    }
  });

  test('is broken by an entry that is left out, doubled, moved, or foreign, with its own hash right', () => {
    const { entries } = sample();
    for (let i = 0; i < entries.length - 1; i++) {
      assert.equal(brokenAt(entries.filter((_, at) => at !== i)), i);
      assert.equal(brokenAt([...entries.slice(0, i + 1), ...entries.slice(i)]), i + 1);
      const moved = [...entries.slice(0, i), entries[i + 1], entries[i], ...entries.slice(i + 2)];
      assert.equal(brokenAt(moved), i);
    }
    const foreign = sealEntry({ kind: 'commit', reserve: 2 }, 3, 'f'.repeat(64), sha256);
    assert.equal(brokenAt([...entries.slice(0, 3), foreign]), 3);
    const junk = { bytes: Uint8Array.of(0xa0), digest: Buffer.from(sha256(Uint8Array.of(0xa0))).toString('hex') };
    assert.equal(brokenAt([junk]), 0);
  });

  test('is broken by an entry that spends beyond the limit, although its hashes are right', () => {
    const book = new Book();
    for (let round = 1; round <= 5; round++) book.reserve(spend(round));
    const forged = new Ledger(settings());
    for (const entry of book.entries) forged.append(entry);
    const { length, head } = forged;
    const { event, task, round, unit, relation } = spend(6);
    const stamp = { accountant: 'rdp-1', build: 'test' };
    const whose = { task, plan: null, units: 'records', unit, relation };
    const loose = { kind: 'reserve', ...whose, round, purpose: 'train', line: 'train', event, ...stamp } as const;
    const beyond = sealEntry(loose, length, head, sha256);
    assert.equal(brokenAt([...book.entries, beyond]), length);
    const unopened = sealEntry({ ...loose, task: taskB }, length, head, sha256);
    assert.equal(brokenAt([...book.entries, unopened]), length);
    const older = sealEntry({ ...loose, accountant: 'rdp-0' }, length, head, sha256);
    assert.equal(brokenAt([...book.entries, older]), null, 'another accountant counted otherwise: spent all the same');
  });

  test('takes no entry that settles what was not reserved, or opens a line on other terms', () => {
    const book = sample();
    const { length, head } = book.ledger;
    const wrong = [
      { kind: 'commit', reserve: 0 },
      { kind: 'commit', reserve: 2 },
      { kind: 'release', reserve: 2 },
      { kind: 'release', reserve: 6 },
    ] as const;
    for (const loose of wrong)
      assert.equal(brokenAt([...book.entries, sealEntry(loose, length, head, sha256)]), length);
    const line = { purpose: null, units: 'records', unit: 'record', relation: 'add-remove', delta: 1e-4 } as const;
    const stamp = { accountant: 'rdp-1', build: 'test' };
    const reopened = { kind: 'open', task: null, ...line, epsilon: 9, order: 2, ...stamp } as const;
    assert.equal(brokenAt([...book.entries, sealEntry(reopened, length, head, sha256)]), length);
  });
});

function refusal(book: Book, asked: Spend): string {
  try {
    book.ledger.reserve(asked);
  } catch (error) {
    return error instanceof Error ? error.message : '';
  }
  return assert.fail('not refused');
}

/** The entry at which a replay stops, or null. */
function brokenAt(entries: readonly StoredEntry[]): number | null {
  const ledger = new Ledger(settings({ records: { epsilon: 9, delta: 1e-4 } }));
  try {
    for (const entry of entries) ledger.append(entry);
    return null;
  } catch (error) {
    assert.ok(error instanceof LedgerBroken, String(error));
    assert.equal(error.index, ledger.length, 'what came before still counts');
    return error.index;
  }
}
