/** What an accountant is asked, as data that a thread can be sent, and who answers it. */
import type { PrivacyEvent } from '../../core/privacy/event.ts';
import type { Plan } from '../../core/privacy/plan.ts';
import { leastPlannedNoise } from '../../core/privacy/plan-noise.ts';
import { type PlanReport, planReport } from '../../core/privacy/plan-report.ts';
import {
  type AmplifiedAnswers,
  type EventReport,
  eventReport,
  type NoisyRounds,
  noiseReport,
  type PrivacyReport,
  privacyReport,
  roundsReport,
} from '../../core/privacy/report.ts';

/** Each question with its answer; what they mean, and what they throw, stands at the functions of the same name. */
export interface Questions {
  readonly report: { readonly ask: NoisyRounds; readonly answer: PrivacyReport };
  readonly noise: {
    readonly ask: Omit<NoisyRounds, 'noiseMultiplier'> & { readonly epsilon: number };
    readonly answer: AmplifiedAnswers;
  };
  readonly rounds: {
    readonly ask: Omit<NoisyRounds, 'rounds'> & { readonly epsilon: number };
    readonly answer: AmplifiedAnswers;
  };
  readonly planReport: {
    readonly ask: { readonly plan: Plan; readonly points: number };
    readonly answer: PlanReport;
  };
  readonly leastPlannedNoise: {
    readonly ask: { readonly plan: Plan; readonly epsilon: number };
    readonly answer: number;
  };
  readonly eventReport: {
    readonly ask: { readonly event: PrivacyEvent; readonly delta: number };
    readonly answer: EventReport;
  };
}

export type Question = keyof Questions;

/** One question; `answerTo` gives what belongs to it. */
export type AccountantRequest = {
  [Q in Question]: { readonly question: Q; readonly ask: Questions[Q]['ask'] };
}[Question];
export type AccountantAnswer = Questions[Question]['answer'];

/** Answers in this thread. Throws as the function asked. */
export function answerTo(request: AccountantRequest): AccountantAnswer {
  switch (request.question) {
    case 'report':
      return privacyReport(request.ask);
    case 'noise':
      return noiseReport(request.ask);
    case 'rounds':
      return roundsReport(request.ask);
    case 'planReport':
      return planReport(request.ask.plan, request.ask.points);
    case 'leastPlannedNoise':
      return leastPlannedNoise(request.ask.plan, request.ask.epsilon);
    case 'eventReport':
      return eventReport(request.ask.event, request.ask.delta);
    default:
      throw new TypeError(`accountant: unknown question ${String((request as { question: unknown }).question)}`);
  }
}
