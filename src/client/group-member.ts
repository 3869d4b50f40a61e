/**
 * A member in the session of its group: asks `core/secagg/member-machine.ts` what to do, and does it. What the machine is told was verified here
 * first, as far as it needs certificates or a disk.
 */
import { sameBytes } from '../core/bytes/floats.ts';
import type { GroupPrimitives } from '../core/crypto/group-primitives.ts';
import type { Reservation } from '../core/privacy/ledger-port.ts';
import { type Step, writeBlob } from '../core/protocol/ports.ts';
import { Problem, type ProblemCode } from '../core/protocol/problem.ts';
import { groupSettings } from '../core/protocol/protection-settings.ts';
import {
  type CoordinatorLabel,
  type EndMessage,
  type MemberLabel,
  parseBoxes,
  parseEnd,
  parseMembers,
  parseQuorum,
  parseSurvivors,
} from '../core/secagg/group-message.ts';
import {
  beginMember,
  type MemberAction,
  type MemberEvent,
  type MemberSecrets,
  type MemberSession,
  type MemberStep,
  type Peer,
  stepMember,
} from '../core/secagg/member-machine.ts';
import { encodeSetMemory, parseSetMemory, type SetMemory } from '../core/secagg/set-memory.ts';
import { hear, say } from './group-dialogue.ts';
import { masked } from './group-input.ts';
import type { CertifiedMember } from './group-ports.ts';
import type { ClientPorts } from './ports.ts';
import { decline } from './round.ts';
import type { GroupRound, Input, MaskedInput } from './stages.ts';

/** What a member adds to the sum, and what was spent for it; null where the task is not private. */
export interface Contribution {
  readonly input: Input;
  readonly reservation: Reservation | null;
}

/** A masking that takes longer says how far it is. */
const progressMs = 10_000;

const stepAfter: Readonly<Record<MemberLabel, Step>> = {
  'group-keys': 'group-keys-sent',
  'group-shares': 'group-shares-sent',
  'group-input': 'group-input-sent',
  'group-agree': 'group-agreed',
  'group-unmask': 'group-unmasked',
};

/** One member in one session: the machine, and what its actions need. Its secrets are in memory only, and wiped however the session ends. */
export class GroupMember {
  readonly #context: GroupRound;
  readonly #input: Input;
  readonly #reservation: Reservation | null;
  readonly #primitives: GroupPrimitives;
  readonly #ports: ClientPorts;
  readonly #signal: AbortSignal | undefined;
  #step: MemberStep;
  #packed: MaskedInput | null = null;

  constructor(
    context: GroupRound,
    { input, reservation }: Contribution,
    ports: ClientPorts,
    signal: AbortSignal | undefined,
  ) {
    this.#context = context;
    this.#input = input;
    this.#reservation = reservation;
    this.#primitives = context.session.ports.primitives;
    this.#ports = ports;
    this.#signal = signal;
    this.#step = beginMember(sessionOf(context), secretsOf(this.#primitives), this.#primitives);
  }

  /** Goes through the session. What ends it early is told; only what concerns the client as a whole is thrown. */
  async takePart(): Promise<void> {
    try {
      await this.#act(this.#step.actions);
      const { outcome } = await this.#listen();
      const { taskId: task, round } = this.#context;
      if (outcome === 'opened') this.#ports.log({ event: 'group-summed', task, round });
      else this.#tell('round-closed', 'the group gave no sum: too few members stayed');
    } catch (error) {
      if (!(error instanceof Problem) || this.#signal?.aborted) throw error;
      this.#tell(error.code, error.detail);
      if (error.code === 'revoked' || error.code === 'forbidden') throw error;
      // The others need not wait. Where that cannot be said any more they do not wait for this member either.
      if (error.code !== 'round-closed') await decline(this.#context, 'failed', this.#ports).catch(() => undefined);
    } finally {
      stepMember(this.#step.state, { kind: 'abort' }, this.#primitives);
      for (const vector of this.#input.vectors) vector.fill(0);
    }
  }

  async #listen(): Promise<EndMessage> {
    for (let after: 'group-manifest' | CoordinatorLabel = 'group-manifest'; ; ) {
      const { label, payload } = await hear(after, this.#context, this.#ports, this.#signal);
      if (label === 'group-end') return this.#end(parseEnd(payload));
      await this.#handle(await this.#eventOf(label, payload));
      after = label;
    }
  }

  async #end(message: EndMessage): Promise<EndMessage> {
    if (!sameBytes(message.sid, this.#context.session.sid))
      throw new Problem('group-altered', 'the coordinator ended another session');
    await this.#handle({ kind: 'end' });
    return message;
  }

  async #eventOf(label: Exclude<CoordinatorLabel, 'group-end'>, payload: Uint8Array): Promise<MemberEvent> {
    switch (label) {
      case 'group-members': {
        const message = parseMembers(payload);
        return { kind: 'members', message, peers: message.present.map(peer => this.#verified(peer)) };
      }
      case 'group-boxes':
        return { kind: 'boxes', message: parseBoxes(payload) };
      case 'group-survivors':
        return { kind: 'survivors', message: parseSurvivors(payload), memory: await this.#recall() };
      case 'group-quorum':
        return { kind: 'quorum', message: parseQuorum(payload) };
    }
  }

  #verified({ at, certificate: document }: { readonly at: number; readonly certificate: Uint8Array }): Peer {
    const { role, ...member } = this.#certified(document);
    if (role !== 'client') throw new Problem('group-refused', `a ${role} stands among the members of the group`);
    return { at, ...member };
  }

  #certified(document: Uint8Array): CertifiedMember {
    try {
      return this.#context.session.ports.verifyMember(document);
    } catch (cause) {
      // It is about another member: that one is revoked, not this client.
      if (!(cause instanceof Problem)) throw cause;
      throw new Problem('group-refused', `the certificate of another member: ${cause.message}`, { cause });
    }
  }

  async #handle(event: MemberEvent): Promise<void> {
    this.#step = stepMember(this.#step.state, event, this.#primitives);
    await this.#act(this.#step.actions);
  }

  async #act(actions: readonly MemberAction[]): Promise<void> {
    for (const action of actions) {
      switch (action.kind) {
        case 'send':
          await this.#send(action);
          break;
        case 'mask':
          await this.#mask(action);
          break;
        case 'remember':
          await this.#remember(action.memory);
          break;
        case 'aborted':
          throw new Problem(action.problem, action.why);
        case 'finished':
      }
    }
  }

  async #send({ label, payload, body }: Extract<MemberAction, { kind: 'send' }>): Promise<void> {
    const isInput = label === 'group-input';
    if (isInput && this.#reservation !== null) {
      await this.#reservation.commit();
      await this.#ports.step('ledger-committed');
    }
    const attached = isInput ? (this.#packed?.packed ?? null) : body;
    await say({ label, payload }, attached, this.#context, this.#ports, this.#signal);
    if (isInput) this.#packed = null;
    await this.#ports.step(stepAfter[label]);
    if (label === 'group-unmask') await this.#reservation?.release();
  }

  async #mask({ masks }: Extract<MemberAction, { kind: 'mask' }>): Promise<void> {
    this.#packed = await masked(this.#input, masks, this.#context.session, this.#progress());
    const { packed } = this.#packed;
    const vector = await this.#ports.primitives.sha256Large(packed);
    await this.#handle({ kind: 'masked', vector, bytes: packed.length });
  }

  /** Says how far the masking of a large model is, at most every ten seconds. */
  #progress(): (fraction: number) => void {
    const { clock, log } = this.#ports;
    const { taskId: task, round } = this.#context;
    let told = clock.now();
    return fraction => {
      if (clock.now() - told < progressMs) return;
      told = clock.now();
      log({ event: 'masking', task, round, detail: `${Math.floor(100 * fraction)} %` });
    };
  }

  async #recall(): Promise<SetMemory | null> {
    const bytes = await this.#ports.blobs.read(memoryKey(this.#context));
    return bytes === null ? null : parseSetMemory(bytes);
  }

  #remember(memory: SetMemory): Promise<void> {
    return writeBlob(this.#ports.blobs, memoryKey(this.#context), encodeSetMemory(memory));
  }

  #tell(code: ProblemCode, detail: string): void {
    const { taskId: task, round } = this.#context;
    this.#ports.log({ event: 'group-aborted', level: 'warn', task, round, code, detail });
  }
}

/** Sets of rounds that train and of the final evaluation are sets of different sums. */
function memoryKey({ taskId, assignment }: GroupRound): string {
  return `group-memory/${taskId}/${assignment.kind}`;
}

function sessionOf({ session, task, privacy }: GroupRound): MemberSession {
  const { manifest, sid, at, identity, ports, deal } = session;
  const redrawRounds = groupSettings(task.protection)?.redrawRounds ?? 1;
  const { certificate } = identity;
  return { manifest, sid, at, certificate, policy: ports.policy, isPrivate: privacy !== null, redrawRounds, deal };
}

function secretsOf({ randomBytes }: GroupPrimitives): MemberSecrets {
  return { root: randomBytes(32), self: randomBytes(32), channel: randomBytes(32) };
}
