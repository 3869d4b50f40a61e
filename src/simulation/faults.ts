/** Faults as a list of operations: data that a file can hold, so that every bug found stays found. */
import { z } from 'zod';
import {
  clientSteps,
  coinClientSteps,
  coinCoordinatorSteps,
  coordinatorSteps,
  groupClientSteps,
  groupCoordinatorSteps,
  type Step,
} from '../core/protocol/ports.ts';
import { UserError } from '../core/protocol/problem.ts';

/** What a client asks of the coordinator. */
export const messages = ['assignment', 'task', 'model', 'update', 'evaluation', 'decline'] as const;
/** What a member of a group asks besides: to take its message, and for what it is told next. */
export const groupMessages = ['group', 'group-next'] as const;
export type Message = (typeof messages)[number] | (typeof groupMessages)[number];
export type Part = 'request' | 'response';

/** The coordinator as a party; clients go by their names. */
export const coordinatorParty = 'coordinator';

const party = z.string().min(1).max(63);
/** 1: the first one of the run. */
const count = z.number().int().min(1).max(1_000_000);
const milliseconds = z.number().int().min(0).max(604_800_000);

const atRequest = z.strictObject({
  party,
  message: z.enum([...messages, ...groupMessages]),
  part: z.literal('request'),
  count,
});
const atMessage = z.strictObject({
  party,
  message: z.enum([...messages, ...groupMessages]),
  part: z.enum(['request', 'response']),
  count,
});
const atStep = z.strictObject({
  party,
  step: z.enum([
    ...coordinatorSteps,
    ...clientSteps,
    ...groupCoordinatorSteps,
    ...groupClientSteps,
    ...coinCoordinatorSteps,
    ...coinClientSteps,
  ]),
  count,
});
const atCommit = z.strictObject({ party, commit: count });
const atTime = z.strictObject({ party, ms: milliseconds });

const fault = z.discriminatedUnion('do', [
  /** The message never arrives; whoever waits for it gives up after the time a request may take. */
  z.strictObject({ do: z.literal('drop'), at: atMessage }),
  /** The message arrives so much later: behind others that were sent after it, when that is long enough. */
  z.strictObject({ do: z.literal('delay'), at: atMessage, ms: milliseconds }),
  /** The same bytes arrive a second time so much later (0: at once); nobody waits for that answer. */
  z.strictObject({ do: z.literal('replay'), at: atRequest, ms: milliseconds }),
  /** One bit of the body is flipped, at this share of its length. */
  z.strictObject({ do: z.literal('corrupt'), at: atMessage, share: z.number().min(0).lt(1) }),
  /** The party is killed at the step, and started again so much later. Its stores are all that is left of it. */
  z.strictObject({ do: z.literal('crash'), at: z.union([atStep, atTime]), ms: milliseconds }),
  /** The party's disk is full at this commit of a blob or a record: nothing is written, the commit fails. */
  z.strictObject({ do: z.literal('full'), at: atCommit }),
  /** The party's clock jumps. */
  z.strictObject({ do: z.literal('jump'), at: atTime, ms: z.number().int().min(-604_800_000).max(604_800_000) }),
]);

export type Fault = z.infer<typeof fault>;
export type MessageFault = Extract<Fault, { do: 'drop' | 'delay' | 'replay' | 'corrupt' }>;

const faultList = z.array(fault).max(10_000);

/** Reads a list of operations from plain data. Throws UserError naming the first that does not hold. */
export function parseFaults(value: unknown, where: string): readonly Fault[] {
  const result = faultList.safeParse(value);
  if (result.success) return result.data;
  const { path, message } = result.error.issues[0];
  throw new UserError(
    `${where}: ${path.join('.') || 'the list'}`,
    message,
    'Write a list of operations such as {"do":"drop","at":{"party":"site-1","message":"update","part":"request","count":1}}.',
  );
}

/** Which operations are due, as the run counts what happens. */
export class FaultPlan {
  readonly #waiting = new Map<string, Fault[]>();
  readonly #counts = new Map<string, number>();
  readonly #timed: readonly Fault[];
  readonly #dropShare: (key: string) => boolean;

  /**
   * @param isLost also drops a message, beside the list: a deterministic answer for `party message part count`.
   */
  constructor(faults: readonly Fault[], isLost: (key: string) => boolean = () => false) {
    this.#dropShare = isLost;
    this.#timed = faults.filter(f => 'ms' in f.at);
    for (const entry of faults) {
      if ('ms' in entry.at) continue;
      const key = keyOf(entry);
      this.#waiting.set(key, [...(this.#waiting.get(key) ?? []), entry]);
    }
  }

  /** Operations at an instant rather than at an event. */
  get timed(): readonly Fault[] {
    return this.#timed;
  }

  /** What befalls this message: counts it. */
  message(party: string, message: Message, part: Part): readonly MessageFault[] {
    const key = this.#next(`${party} ${message} ${part}`);
    // The key of a message names only operations on messages.
    const due = (this.#waiting.get(key) ?? []) as MessageFault[];
    if (!this.#dropShare(key)) return due;
    const at = { party, message, part, count: this.#counts.get(`${party} ${message} ${part}`) ?? 1 };
    return [...due, { do: 'drop', at }];
  }

  /** Milliseconds until the party starts again when it is to be killed at this step, else null: counts the step. */
  step(party: string, step: Step): number | null {
    const due = this.#waiting.get(this.#next(`${party} ${step}`))?.[0];
    return due?.do === 'crash' ? due.ms : null;
  }

  /** True when this commit fails: counts it. */
  commit(party: string): boolean {
    return this.#waiting.has(this.#next(`${party} commit`));
  }

  #next(key: string): string {
    const count = (this.#counts.get(key) ?? 0) + 1;
    this.#counts.set(key, count);
    return `${key} ${count}`;
  }
}

function keyOf({ at }: Fault): string {
  if ('step' in at) return `${at.party} ${at.step} ${at.count}`;
  if ('message' in at) return `${at.party} ${at.message} ${at.part} ${at.count}`;
  if ('commit' in at) return `${at.party} commit ${at.commit}`;
  throw new TypeError('faults: an operation at an instant has no event');
}
