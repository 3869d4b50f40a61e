/** The session of a member's group: its manifest, made again from what the member knows itself, and compared byte for byte. */
import { sameBytes } from '../core/bytes/floats.ts';
import type { Assignment } from '../core/protocol/message.ts';
import { Problem } from '../core/protocol/problem.ts';
import { type GroupSettings, groupSettings } from '../core/protocol/protection-settings.ts';
import { roundCompression } from '../core/secagg/compression.ts';
import { drawHash } from '../core/secagg/draw.ts';
import { isGrouped, makeManifest, roundFigures, updateEncoding } from '../core/secagg/make-manifest.ts';
import { encodeManifest, sessionId } from '../core/secagg/manifest.ts';
import { sharedWords } from '../core/secagg/noise-words.ts';
import type { DealPlace } from '../core/secagg/set-memory.ts';
import { groupCount } from '../core/secagg/thresholds.ts';
import { type CoinDeal, requireAscending } from './coin-deal.ts';
import type { ClientPorts } from './ports.ts';
import type { GroupSession, RoundContext } from './stages.ts';

/** What the outbox knows the beginning of a session by: one that trains, or the final evaluation. */
export const sessionLabels = { train: 'group-session', evaluate: 'group-evaluation' } as const;

/**
 * The session that an assignment begins; null in a round without groups. Throws Problem `bad-request` for a round that does not have the
 * protection of the task, a cohort that is not one or that this member is not in, and a manifest other than the one that follows from
 * task, round, cohort and coin. What this site asks of groups beside that is for `group-policy.ts`.
 *
 * @param byCoin what `coinDeal` made of the assignment; null where it names no coin.
 */
export function groupSession(
  { task, taskHash, round, assignment }: Omit<RoundContext, 'protection'>,
  ports: ClientPorts,
  byCoin: CoinDeal | null = null,
): GroupSession | null {
  const { group, kind, evaluate, model } = assignment;
  const settings = groupSettings(task.protection);
  const expected = isGrouped(task, kind);
  if (expected !== (group !== null))
    throw refused(`the assignment is ${group === null ? 'not ' : ''}of a group, and the task says otherwise`);
  if (group === null || settings === null) return null;
  const memberPorts = ports.group;
  if (memberPorts === null) throw refused('this client takes part in no groups');
  const identity = ports.identity();
  const { deal, ...dealt } = dealtGroup(group, identity.certificate, settings, byCoin);
  const at = dealt.members.findIndex(hash => sameBytes(hash, identity.certificate));
  const manifest = refusing(() =>
    makeManifest({
      task,
      taskHash,
      federation: ports.federation,
      round,
      kind,
      evaluate,
      ...dealt,
      draw: drawHash(group.cohort, group.coin, ports.primitives),
      model,
      build: memberPorts.build,
      primitives: ports.primitives,
    }),
  );
  if (!sameBytes(encodeManifest(manifest), group.manifest))
    throw refused('the manifest of the group is not the one that follows from the task (is this the same version?)');
  const shared = kind === 'train' ? sharedWords(task, taskHash, round, ports.primitives) : null;
  return {
    manifest,
    sid: sessionId(manifest, ports.primitives),
    at,
    deal,
    identity,
    encoding: kind === 'train' && shared === null ? updateEncoding(task, dealt.members.length) : null,
    shared,
    compression: kind === 'train' ? roundCompression(task, taskHash, round, ports.primitives) : null,
    figures: roundFigures(task, kind, evaluate),
    ports: memberPorts,
  };
}

/** One group of a round. */
interface Dealt {
  readonly group: number;
  readonly groups: number;
  readonly members: readonly Uint8Array[];
  /** Null where nothing was dealt. */
  readonly deal: DealPlace | null;
}

/**
 * The group that this member was dealt into. Throws Problem `bad-request`.
 *
 * Without a coin all are one group, which a task with coin parties allows only where the cohort makes no two.
 */
function dealtGroup(
  { cohort, coin }: NonNullable<Assignment['group']>,
  own: Uint8Array,
  settings: GroupSettings,
  dealt: CoinDeal | null,
): Dealt {
  requireAscending(cohort);
  const place = cohort.findIndex(hash => sameBytes(hash, own));
  if (place < 0) throw refused('the cohort does not hold this member');
  if (dealt === null) {
    if (coin !== null) throw refused('a coin whose groups nobody dealt again');
    if (settings.coin.length > 0 && groupCount(cohort.length, settings.size) > 1)
      throw refused(`${cohort.length} members make several groups, and no coin has dealt them`);
    return { group: 0, groups: 1, members: cohort, deal: null };
  }
  const { groups, epoch, draw } = dealt;
  const group = groups.findIndex(places => places.includes(place));
  return { group, groups: groups.length, members: groups[group].map(at => cohort[at]), deal: { epoch, draw } };
}

function refusing<T>(make: () => T): T {
  try {
    return make();
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new Problem('bad-request', `no such group can be: ${cause.message}`, { cause });
  }
}

function refused(why: string): Problem {
  return new Problem('bad-request', why);
}
