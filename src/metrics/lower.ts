import type { GraphBuilder, Value } from '../graph/builder.js'
import type { Shape } from '../graph/shape.js'
import { formulaOf } from '../losses/formulas.js'
import { type LossInputs, lowerLoss, lowerShare } from '../losses/lower.js'
import { lowerMeasure, type TracedMeasure, traceMeasure } from '../losses/traced.js'
import type { MetricNode } from './node.js'

/** A metric in a training graph. */
export interface LoweredMetric {
  /** What the values depend on: metrics with the same key may share them. */
  readonly key?: string
  /** What is reported of the values; by default their mean. */
  readonly summary?: object
  /** Adds what is reported: means, each followed by its count, or one vector of counts. */
  values(): readonly Value[]
}

/** Whether a metric is made of operations that have gradients of their own. */
export const isFormula = (measure: TracedMeasure | MetricNode): boolean =>
  'kind' in measure ||
  (measure.op === 'means' &&
    measure.parts.some((part) => typeof part === 'function' || formulaOf(part.kind) !== undefined))

/** How a metric becomes a part of a graph. */
export function lowerMetric(
  builder: GraphBuilder,
  name: string,
  measure: TracedMeasure | MetricNode,
  inputs: LossInputs,
): LoweredMetric {
  const { prediction, target, weights } = inputs
  const factors = weights ? [weights] : []
  const given = [prediction, target, ...factors]
  const weighed = weights === undefined ? '' : `weighted by ${weights.id} `
  if ('kind' in measure) {
    return weights
      ? means(1, ([mean]) => `${mean}`, [() => lowerMeasure(builder, name, measure, [target, prediction], factors)])
      : { values: () => lowerMeasure(builder, name, measure, [target, prediction], []) }
  }
  switch (measure.op) {
    case 'metric':
      return { values: () => builder.node('metric', name, given, [], [scalar, scalar], measure.attributes) }
    case 'counts':
    case 'sequenceCounts':
      return {
        // Precision, recall and F1 of the same decisions read the same counts.
        key: `${weighed}${measure.op} ${JSON.stringify(measure.attributes)}`,
        summary: measure.summary,
        values: () => builder.node(measure.op, name, given, [], [[null]], measure.attributes as never),
      }
    default: {
      const { parts } = measure
      const values = parts.map((part) => () => {
        if (typeof part !== 'function') return lowerLoss(builder, name, part, inputs)
        const traced = traceMeasure('metric', part, prediction.shape, target.shape)
        return lowerMeasure(builder, name, traced, [target, prediction], factors)
      })
      const [first] = parts
      const key = parts.length === 1 && typeof first === 'object' ? { key: weighed + JSON.stringify(first) } : {}
      return { ...key, ...means(parts.length, measure.steps, values) }
    }
  }

  /** Means over valid positions: of weighted values, their sum by that of the weights. */
  function means(
    count: number,
    steps: (terms: readonly string[]) => string,
    parts: readonly (() => readonly Value[])[],
  ): LoweredMetric {
    const terms = Array.from({ length: count }, (_, at) => (weights ? `e${2 * at} e${2 * count} div finite` : `m${at}`))
    const formula = steps(terms)
    const all = weights ? count + 1 : count
    return {
      ...(formula === 'm0' ? {} : { summary: { kind: 'formula', means: all, steps: formula } }),
      values: () => [
        ...parts.flatMap((part) => part()),
        ...(weights ? lowerShare(builder, name, prediction, weights) : []),
      ],
    }
  }
}

const scalar: Shape = []
