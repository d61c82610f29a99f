import type { Metric, PointKind } from './metric.js'

/** What a native summary reads off the decisions by rising thresholds: y over x, or y where x is at least `at`. */
interface Curve {
  readonly x: 'recall' | 'precision' | 'specificity' | 'fallout'
  readonly y: 'recall' | 'precision' | 'specificity'
  readonly at?: number
  /** Whether areas lie below the lower (-1) or the higher (1) of two thresholds, or between both (0). */
  readonly rule?: -1 | 0 | 1
}

const shares = {
  sensitivityAtSpecificity: ['specificity', 'recall', 'specificity'],
  specificityAtSensitivity: ['recall', 'specificity', 'sensitivity'],
  precisionAtRecall: ['recall', 'precision', 'recall'],
  recallAtPrecision: ['precision', 'recall', 'precision'],
} as const

const isPoint = (kind: Metric['kind']): kind is PointKind => Object.hasOwn(shares, kind)

/** The curve that a metric is read off; undefined for metrics without thresholds of their own. */
export function curveOf(metric: Metric): Curve | undefined {
  const { kind, curve = 'ROC', summationMethod = 'interpolation', numThresholds, thresholds, multiLabel } = metric
  if (isPoint(kind)) {
    const [x, y, option] = shares[kind]
    return { x, y, at: metric[option] as number }
  }
  const asked = [numThresholds, thresholds, multiLabel].some((each) => each !== undefined)
  if (kind !== 'auc' || !(asked || curve === 'PR' || summationMethod !== 'interpolation')) return undefined
  const rule = ({ minoring: -1, interpolation: 0, majoring: 1 } as const)[summationMethod]
  return curve === 'PR' ? { x: 'recall', y: 'precision', rule } : { x: 'fallout', y: 'recall', rule }
}

/** Keras's thresholds: evenly from 0 to 1, with both ends outside so that every prediction lies between them. */
export function thresholdsOf({ kind, numThresholds = 200, thresholds }: Metric): number[] {
  if (numThresholds === 1) return [0.5]
  const inner = Array.isArray(thresholds)
    ? thresholds.toSorted((a, b) => a - b)
    : Array.from({ length: numThresholds - 2 }, (_, at) => (at + 1) / (numThresholds - 1))
  return [-1e-7, ...inner, kind === 'auc' ? 1 + 1e-7 : 1]
}

/** The largest number that native code takes, where a probability of 0 or 1 has no logit. */
const most = 3e38

/** A probability as a logit. */
export function logit(p: number): number {
  if (p <= 0) return -most
  return p >= 1 ? most : Math.log(p / (1 - p))
}
