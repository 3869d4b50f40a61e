/** Shapes of a task's rows: what goes into the model and what it is asked for. */

export type InputShape =
  | { readonly kind: 'vector'; readonly width: number }
  /** Pixels [channels, height, width], row-major. */
  | { readonly kind: 'image'; readonly channels: number; readonly height: number; readonly width: number }
  /** Measurements [steps, width] in the order of time. */
  | { readonly kind: 'sequence'; readonly steps: number; readonly width: number }
  /** One token number (0 to vocabulary − 1, held as float32) per step. */
  | { readonly kind: 'tokens'; readonly steps: number; readonly vocabulary: number };

export type OutputShape =
  /** One class per row, or one per step of it (text: the next character). Two classes at one step make one logit, that of class 1. */
  | { readonly kind: 'classes'; readonly classes: number; readonly steps: number }
  /** So many numbers per row. */
  | { readonly kind: 'numbers'; readonly count: number };

export interface DataShape {
  readonly input: InputShape;
  readonly output: OutputShape;
}

/** Values per row of the input. */
export function inputWidth(input: InputShape): number {
  switch (input.kind) {
    case 'vector':
      return input.width;
    case 'image':
      return input.channels * input.height * input.width;
    case 'sequence':
      return input.steps * input.width;
    case 'tokens':
      return input.steps;
  }
}

/** Labels per row: one per step, or one per number. */
export function labelWidth(output: OutputShape): number {
  return output.kind === 'classes' ? output.steps : output.count;
}
