/** The shape of a task's rows, from its schema. */
import type { DataShape, OutputShape } from '../learning/shape.ts';
import type { CsvSchema } from './csv-schema.ts';
import { type DataSchema, featureNames } from './schema.ts';
import { vocabularySize } from './text-schema.ts';

export function dataShape(schema: DataSchema): DataShape {
  switch (schema.format) {
    case 'csv':
      return { input: tableInput(schema), output: tableOutput(schema) };
    case 'images': {
      const { channels, height, width, target } = schema;
      return {
        input: { kind: 'image', channels, height, width },
        output: { kind: 'classes', classes: target.classes.length, steps: 1 },
      };
    }
    case 'text': {
      const vocabulary = vocabularySize(schema);
      const steps = schema.window;
      return { input: { kind: 'tokens', steps, vocabulary }, output: { kind: 'classes', classes: vocabulary, steps } };
    }
  }
}

/** Number of classes, 2 for binary; 0 where numbers are predicted. */
export function classCount(schema: DataSchema): number {
  const { output } = dataShape(schema);
  return output.kind === 'classes' ? output.classes : 0;
}

function tableInput(schema: CsvSchema): DataShape['input'] {
  const width = featureNames(schema).length;
  if (schema.sequence === null) return { kind: 'vector', width };
  const { steps } = schema.sequence;
  return { kind: 'sequence', steps, width: Math.floor(width / steps) };
}

function tableOutput({ target }: CsvSchema): OutputShape {
  if (target.type === 'number') return { kind: 'numbers', count: 1 };
  return { kind: 'classes', classes: target.type === 'above' ? 2 : target.classes.length, steps: 1 };
}
