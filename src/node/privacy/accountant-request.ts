/** What an accountant is asked, as data that a thread can be sent, and who answers it. */
import type { Bounds } from '../../core/privacy/composed-loss.ts';
import type { PrivacyEvent } from '../../core/privacy/event.ts';
import { eventEpsilon, eventRdp } from '../../core/privacy/event-rdp.ts';
import { pldEpsilon } from '../../core/privacy/pld.ts';
import type { BestOrder } from '../../core/privacy/rdp-conversion.ts';
import {
  type AmplifiedAnswers,
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
  readonly eventRdp: {
    readonly ask: { readonly event: PrivacyEvent; readonly orders: readonly number[] };
    readonly answer: Float64Array;
  };
  readonly eventEpsilon: {
    readonly ask: { readonly event: PrivacyEvent; readonly delta: number };
    readonly answer: BestOrder;
  };
  readonly pldEpsilon: {
    readonly ask: { readonly event: PrivacyEvent; readonly delta: number };
    readonly answer: Bounds;
  };
}

export type Question = keyof Questions;

/** One question; `answerTo` gives what belongs to it. */
export type AccountantRequest = {
  [Q in Question]: { readonly question: Q; readonly ask: Questions[Q]['ask'] };
}[Question];
export type AccountantAnswer = Questions[Question]['answer'];

/** Answers in this thread. Throws as the function asked; LossUnavailable where loss distributions cannot be computed. */
export function answerTo(request: AccountantRequest): AccountantAnswer {
  switch (request.question) {
    case 'report':
      return privacyReport(request.ask);
    case 'noise':
      return noiseReport(request.ask);
    case 'rounds':
      return roundsReport(request.ask);
    case 'eventRdp':
      return eventRdp(request.ask.event, request.ask.orders);
    case 'eventEpsilon':
      return eventEpsilon(request.ask.event, request.ask.delta);
    case 'pldEpsilon':
      return pldEpsilon(request.ask.event, request.ask.delta);
    default:
      throw new TypeError(`accountant: unknown question ${String((request as { question: unknown }).question)}`);
  }
}
