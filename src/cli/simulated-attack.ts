/** An attack in a simulation: who attacks, with which trainers, and what came of it. */
import type { RoundReport } from '../coordinator/store.ts';
import { flipLabels } from '../core/attack/label-flip.ts';
import type { SiteData } from '../core/data/dataset.ts';
import type { Trainer } from '../core/learning/trainer.ts';
import { trustedClient } from '../core/protocol/aggregation-settings.ts';
import type { LogEvent } from '../core/protocol/ports.ts';
import { UserError } from '../core/protocol/problem.ts';
import type { Task } from '../core/protocol/task.ts';
import { nodePrimitives } from '../node/primitives.ts';
import { Adversary } from '../simulation/adversary.ts';
import { type AttackChoice, drawAttackers } from '../simulation/attack-choice.ts';
import { LabelFlipper } from '../simulation/label-flipper.ts';
import type { World } from '../simulation/world.ts';
import { table } from './output.ts';
import type { SimulatedData } from './simulate-data.ts';
import { ruleSteps } from './task-summary.ts';

/** The attack that was asked for, with its attackers drawn. */
export interface PlannedAttack {
  readonly choice: AttackChoice;
  readonly attackers: readonly string[];
}

/** Whoever decides what the clients train. */
export interface Opponent {
  trainerOf(client: string): Trainer;
  note(party: string, event: LogEvent): void;
  readonly factors: readonly number[];
}

/**
 * Draws the attackers. Throws UserError where the attack cannot be mounted: nobody attacks, the task trains nothing or has no labels to
 * flip, or a program trains for an attacker.
 *
 * @param foreign clients that a program of the user's trains for.
 */
export function planAttack(
  choice: AttackChoice,
  task: Task,
  { sites }: SimulatedData,
  { seed, foreign }: { seed: number; foreign: readonly string[] },
): PlannedAttack {
  if (task.model.name === 'moments') {
    throw new UserError(
      '--attack',
      'the task adds up columns and trains nothing',
      'Attack a task that trains a model.',
    );
  }
  if (choice.name === 'label-flip' && sites.some(site => site.data.classes < 2)) {
    throw new UserError('--attack', 'the task predicts numbers, which cannot be flipped', 'Choose another attack.');
  }
  const names = sites.map(site => site.name);
  const attackers = drawAttackers(choice, names, seed);
  const idle = foreign.find(name => attackers.includes(name));
  if (idle === undefined) return { choice, attackers };
  throw new UserError(
    '--attack',
    `${idle} attacks, so its --trainer would not train`,
    `Give the program to an honest client: ${names.filter(name => !attackers.includes(name)).join(', ')}.`,
  );
}

/** @param open the honest trainer of a client on these rows. @param world the world that will run it. */
export function mountAttack(
  { choice, attackers }: PlannedAttack,
  task: Task,
  { sites }: SimulatedData,
  seed: number,
  open: (client: string, site: SiteData) => Trainer,
  world: () => World,
): Opponent {
  const byName = new Map(sites.map(site => [site.name, site.data]));
  const siteOf = (client: string): SiteData => {
    const site = byName.get(client);
    if (site === undefined) throw new RangeError(`attack: there is no client ${client}`);
    return site;
  };
  if (choice.name === 'label-flip') {
    return new LabelFlipper(attackers, (client, isPoisoned) => {
      const site = siteOf(client);
      return open(client, isPoisoned ? { ...site, train: flipLabels(site.train, site.classes) } : site);
    });
  }
  return new Adversary({
    task,
    attack: choice.name,
    factor: choice.factor,
    clients: sites.map(site => site.name),
    attackers,
    seed,
    primitives: nodePrimitives,
    open: client => open(client, siteOf(client)),
    examplesOf: client => siteOf(client).train.rows,
    cohort: async () => {
      const runs = await world().coordinatorDisk.store.runs();
      return runs.find(run => run.cohort !== null)?.cohort ?? null;
    },
  });
}

/** More are told as one line. */
const shownAttackers = 12;

/** How a client's updates fared. */
interface Fared {
  readonly client: string;
  /** Rounds whose rule saw its update. */
  readonly admitted: number;
  /** Those of them in which the rule gave it a weight; null where the rule takes each coordinate from other clients. */
  readonly counted: number | null;
  /** Mean weight over the rounds admitted; null where there is none. */
  readonly meanWeight: number | null;
}

/** The attack as part of the JSON document of a simulation. */
export function attackDocument(
  { choice, attackers }: PlannedAttack,
  factors: readonly number[],
  reports: readonly RoundReport[],
): object {
  return { ...choice, factors, attackers: attackers.map(client => fared(client, reports)) };
}

/** Who attacked, what the task bears, how each attacker fared beside the honest clients, and what to compare with. */
export function attackText(
  { choice, attackers }: PlannedAttack,
  factors: readonly number[],
  reports: readonly RoundReport[],
  { task, clients }: { task: Task; clients: readonly string[] },
): string {
  const { rule, byzantine } = task.aggregation;
  const combining = `${ruleSteps(task.aggregation)}, byzantine ${byzantine}`;
  const isGrouped = reports.some(({ groups }) => groups !== null);
  const lines = [
    `attack: ${choice.name}${factorText(factors)}, by ${attackers.length} of ${clients.length} clients; rule: ${combining}`,
    ...warnings(attackers, reports, task),
    faredTable(attackers, clients, reports),
  ];
  if (isGrouped) lines.push('they are in the sums of their groups: nobody sees what one of them sent or counted with');
  else if (reports.length > 0 && reports.every(({ weights }) => weights === null))
    lines.push(
      task.privacy !== 'none' && rule === 'mean'
        ? 'what single updates counted with is kept private'
        : `${rule} takes each value from other clients, so no client has a weight`,
    );
  lines.push('→ What the attack costs: compare with the same command without --attack.');
  return lines.join('\n');
}

function warnings(attackers: readonly string[], reports: readonly RoundReport[], { aggregation }: Task): string[] {
  const { byzantine } = aggregation;
  const trusted = trustedClient(aggregation);
  const found: string[] = [];
  // Of groups the spoilt ones count.
  const inRound = reports.map(({ combined, groups }) => {
    if (groups === null) return combined.filter(client => attackers.includes(client)).length;
    return groups.filter(({ survivors }) => survivors.some(client => attackers.includes(client))).length;
  });
  const most = Math.max(0, ...inRound);
  if (most > byzantine) {
    const rounds = inRound.filter(count => count > byzantine).length;
    const allowed = byzantine === 0 ? 'no attacker' : `${byzantine}`;
    const where = `in ${rounds} of ${reports.length} rounds`;
    const what = reports.some(({ groups }) => groups !== null) ? 'more groups were spoilt' : 'there were more';
    found.push(`the task allows for ${allowed} (aggregation.byzantine), and ${what} ${where}, up to ${most}`);
  }
  if (trusted !== null && attackers.includes(trusted))
    found.push(`${trusted}, the client that the rule trusts, is one of the attackers`);
  return found;
}

function faredTable(attackers: readonly string[], clients: readonly string[], reports: readonly RoundReport[]): string {
  const honest = clients.filter(client => !attackers.includes(client));
  const bad = attackers.map(client => fared(client, reports));
  const hasWeights = reports.some(({ weights, groups }) => weights !== null && groups === null);
  const rows = [
    ['client', 'rounds admitted', 'rounds counted', 'mean weight'],
    ...(bad.length > shownAttackers
      ? [faredRow(averageOf(bad), `${bad.length} attackers, on average`, 1)]
      : bad.map(one => faredRow(one, `${one.client} (attacks)`, 0))),
    faredRow(averageOf(honest.map(client => fared(client, reports))), `${honest.length} honest, on average`, 1),
  ];
  return table(rows.map(row => row.slice(0, hasWeights ? undefined : 2)));
}

function averageOf(all: readonly Fared[]): Omit<Fared, 'client'> {
  const mean = (values: readonly (number | null)[]): number | null => {
    const known = values.filter(value => value !== null);
    return known.length === 0 ? null : known.reduce((sum, value) => sum + value, 0) / known.length;
  };
  return {
    admitted: mean(all.map(({ admitted }) => admitted)) ?? 0,
    counted: mean(all.map(({ counted }) => counted)),
    meanWeight: mean(all.map(({ meanWeight }) => meanWeight)),
  };
}

function faredRow({ admitted, counted, meanWeight }: Omit<Fared, 'client'>, who: string, digits: number): string[] {
  return [who, admitted.toFixed(digits), counted?.toFixed(digits) ?? '–', meanWeight?.toFixed(3) ?? '–'];
}

function factorText(factors: readonly number[]): string {
  if (factors.length === 0) return '';
  const [least, most] = [factors[0], factors[factors.length - 1]].map(factor => String(Number(factor.toPrecision(4))));
  return least === most ? `, factor ${least}` : `, factors ${least} to ${most}`;
}

function fared(client: string, reports: readonly RoundReport[]): Fared {
  const admitted = reports.filter(({ combined, groups }) =>
    groups === null ? combined.includes(client) : groups.some(({ survivors }) => survivors.includes(client)),
  );
  // Of a group only its sum has a weight.
  const weights = admitted.map(({ combined, weights: all }) => all?.[combined.indexOf(client)] ?? null);
  const known = weights.filter(weight => weight !== null);
  const sum = known.reduce((total, weight) => total + weight, 0);
  return {
    client,
    admitted: admitted.length,
    counted: known.length < admitted.length ? null : known.filter(weight => weight !== 0).length,
    meanWeight: known.length === 0 ? null : sum / known.length,
  };
}
