/** What a plan comes to, for a person who decides about it: the outlook, closer bounds, and ε over rounds. */
import type { Bounds } from './composed-loss.ts';
import type { PrivacyEvent } from './event.ts';
import { eventEpsilon } from './event-rdp.ts';
import type { Plan } from './plan.ts';
import { plannedRuns, runsEvent, withoutSampling } from './plan-cost.ts';
import { firstRounds, type PlanOutlook, planOutlook } from './plan-outlook.ts';
import { evenRounds, eventReport, type RoundEpsilon } from './report.ts';

export interface PlanReport {
  readonly outlook: PlanOutlook;
  /** ε of all planned rounds by loss distributions; null where they cannot be computed. */
  readonly pld: { readonly withAmplification: Bounds | null; readonly withoutAmplification: Bounds | null };
  /** By RDP. */
  readonly overRounds: readonly RoundEpsilon[];
  /** All that the planned rounds release. */
  readonly event: PrivacyEvent;
}

/** @param points numbers of rounds that `overRounds` has at most. May take a second, and more for noise of many levels. */
export function planReport(plan: Plan, points: number): PlanReport {
  const { delta } = plan.privacy;
  const runs = plannedRuns(plan);
  const event = runsEvent(plan, runs);
  const withAmplification = eventReport(event, delta).pld;
  return {
    outlook: planOutlook(plan),
    pld: {
      withAmplification,
      withoutAmplification:
        plan.samplingRate === 1 ? withAmplification : eventReport(withoutSampling(event), delta).pld,
    },
    overRounds: evenRounds(plan.rounds, points).map(rounds => ({
      rounds,
      epsilon: eventEpsilon(runsEvent(plan, firstRounds(runs, rounds)), delta).epsilon,
    })),
    event,
  };
}
