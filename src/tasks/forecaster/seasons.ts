/** The longest season that is looked for. */
const longest = 700

/** How strongly a season must show: a correlation of what lies one season apart. */
const leastCorrelation = 0.2

/**
 * The periods that series may repeat themselves by, the most likely ones first: peaks of the autocorrelation, of the differences between neighbours and
 * of what a straight line leaves over.
 */
export function likelyPeriods(series: readonly Float64Array[]): number[] {
  const most = series.reduce((length, values) => Math.max(length, values.length), 0)
  const lags = Math.min(longest, Math.floor(most / 2))
  if (lags < 2) return []
  const chosen = [...series].sort((a, b) => b.length - a.length).slice(0, 8)
  const peaks = [differences, withoutLine].flatMap((prepare) => {
    const sums = new Float64Array(lags + 2)
    let count = 0
    for (const values of chosen) {
      const prepared = prepare(values.slice(-4096))
      count += prepared.length
      for (let lag = 0; lag < sums.length; lag++) {
        let sum = 0
        for (let t = lag; t < prepared.length; t++) sum += (prepared[t] as number) * (prepared[t - lag] as number)
        sums[lag] = (sums[lag] as number) + sum
      }
    }
    const all = sums[0] as number
    if (!(all > 0)) return []
    const least = Math.max(leastCorrelation, 2 / Math.sqrt(count))
    const correlation = Array.from(sums, (sum) => sum / all)
    const at = (lag: number) => correlation[lag] as number
    return Array.from({ length: lags - 1 }, (_, index) => index + 2)
      .filter((lag) => at(lag) > least && at(lag) >= at(lag - 1) && at(lag) >= at(lag + 1))
      .sort((a, b) => at(b) - at(a))
      .slice(0, 2)
  })
  return [...new Set(peaks)]
}

const centred = (values: Float64Array): Float64Array => {
  const mean = values.reduce((sum, x) => sum + x / values.length, 0)
  return values.map((x) => x - mean)
}

function differences(values: Float64Array): Float64Array {
  return centred(values.subarray(1).map((x, index) => x - (values[index] as number)))
}

function withoutLine(values: Float64Array): Float64Array {
  const middle = (values.length - 1) / 2
  const level = centred(values)
  let [product, square] = [0, 0]
  for (const [t, x] of level.entries()) {
    product += (t - middle) * x
    square += (t - middle) ** 2
  }
  const slope = square > 0 ? product / square : 0
  return level.map((x, t) => x - slope * (t - middle))
}
