// The recurrences of papers, in float64 and loops, one sequence at a time: written from the papers' equations, not from our
// cells, which are compared with them.

/** A weight's numbers, in rows of its last dimension. */
export interface Numbers {
  readonly data: ArrayLike<number>
  readonly shape: readonly number[]
}

/** A cell's weights by their names. */
export type CellWeights = (name: string) => Numbers

/** The outputs of all steps for the inputs of all steps; `more` are further inputs. */
export type Recurrence = (
  w: CellWeights,
  x: readonly number[][],
  ...more: readonly (readonly number[][])[]
) => number[][]

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x))
const softplus = (x: number) => Math.log1p(Math.exp(-Math.abs(x))) + Math.max(x, 0)
const silu = (x: number) => x * sigmoid(x)
const range = (n: number) => Array.from({ length: n }, (_, i) => i)
const zeros = (n: number) => Array<number>(n).fill(0)
const at = (numbers: Numbers, ...index: number[]): number =>
  numbers.data[index.reduce((flat, i, axis) => flat * (numbers.shape[axis] as number) + i, 0)] as number

/** x·W for W of rows and columns, from column `first` on, `count` of them. */
function product(x: readonly number[], weight: Numbers, first = 0, count = weight.shape[1] as number): number[] {
  return range(count).map((column) => x.reduce((sum, value, row) => sum + value * at(weight, row, first + column), 0))
}

const vector = (weight: Numbers, first = 0, count = weight.data.length - first) =>
  range(count).map((i) => weight.data[first + i] as number)

const add = (...all: readonly number[][]): number[] =>
  (all[0] as number[]).map((_, i) => all.reduce((sum, each) => sum + (each[i] as number), 0))

/** An approximation of the error function to 1e-12: its series. */
function erf(x: number): number {
  let [sum, term] = [x, x]
  for (let n = 1; n < 200; n++) {
    term *= (-x * x) / n
    sum += term / (2 * n + 1)
  }
  return (2 / Math.sqrt(Math.PI)) * sum
}

/** x times the probability that a normal number is below it. */
export const gelu = (x: number) => (x * (1 + erf(x / Math.SQRT2))) / 2

export const minGRU =
  (positive = false): Recurrence =>
  (w, xs) => {
    const units = (w('bias').shape[0] as number) / 2
    let h = zeros(units)
    return xs.map((x) => {
      const sums = add(product(x, w('kernel')), vector(w('bias')))
      h = h.map((old, j) => {
        const z = sigmoid(sums[j] as number)
        const linear = sums[units + j] as number
        const candidate = !positive ? linear : linear >= 0 ? linear + 0.5 : sigmoid(linear)
        return (1 - z) * old + z * candidate
      })
      return h
    })
  }

export const minLSTM: Recurrence = (w, xs) => {
  const units = (w('bias').shape[0] as number) / 3
  let h = zeros(units)
  return xs.map((x) => {
    const sums = add(product(x, w('kernel')), vector(w('bias')))
    h = h.map((old, j) => {
      const f = sigmoid(sums[j] as number)
      const i = sigmoid(sums[units + j] as number)
      return (f / (f + i)) * old + (i / (f + i)) * (sums[2 * units + j] as number)
    })
    return h
  })
}

export const indRNN =
  (steps?: number): Recurrence =>
  (w, xs) => {
    const bound = steps === undefined ? Infinity : 2 ** (1 / steps)
    let h = zeros(w('bias').shape[0] as number)
    return xs.map((x) => {
      const sums = add(product(x, w('kernel')), vector(w('bias')))
      h = h.map((old, j) => {
        const u = Math.min(Math.max(at(w('recurrent'), j), -bound), bound)
        return Math.max((sums[j] as number) + u * old, 0)
      })
      return h
    })
  }

export const sru =
  (stateGates: boolean, highway: 'identity' | 'projection', highwayBias = 0): Recurrence =>
  (w, xs) => {
    const units = (w('bias').shape[0] as number) / 2
    const scale = Math.sqrt(1 + Math.exp(highwayBias) * 2)
    let c = zeros(units)
    return xs.map((x) => {
      const gate = (part: number, j: number, sum: number) =>
        sigmoid(
          sum +
            at(w('bias'), part * units + j) +
            (stateGates ? at(w('state'), part * units + j) : 0) * (c[j] as number),
        )
      const [candidate, forget, reset] = [0, 1, 2].map((part) => product(x, w('kernel'), part * units, units))
      const carried =
        highway === 'identity' ? x.map((value) => value * scale) : product(x, w('kernel'), 3 * units, units)
      const f = c.map((_, j) => gate(0, j, forget?.[j] as number))
      const r = c.map((_, j) => gate(1, j, reset?.[j] as number))
      c = c.map((old, j) => (f[j] as number) * old + (1 - (f[j] as number)) * (candidate?.[j] as number))
      return c.map((state, j) => (r[j] as number) * state + (1 - (r[j] as number)) * (carried[j] as number))
    })
  }

export const qrnn =
  (window: number, pooling: 'f' | 'fo' | 'ifo'): Recurrence =>
  (w, xs) => {
    const units = (w('bias').shape[0] as number) / (pooling.length + 1)
    let c = zeros(units)
    return xs.map((_, t) => {
      // The convolution sees zeros before the first step.
      const sums = add(
        vector(w('bias')),
        ...range(Math.min(window, t + 1)).map((back) => product(xs[t - back] as number[], w(`kernels_${back}`))),
      )
      const part = (gate: number, j: number) => sums[gate * units + j] as number
      c = c.map((old, j) => {
        const f = sigmoid(part(1, j))
        const i = pooling === 'ifo' ? sigmoid(part(3, j)) : 1 - f
        return f * old + i * Math.tanh(part(0, j))
      })
      return pooling === 'f' ? c : c.map((state, j) => sigmoid(part(2, j)) * state)
    })
  }

export const coRNN =
  (step: number, gamma: number, epsilon: number): Recurrence =>
  (w, xs) => {
    let y = zeros(w('bias').shape[0] as number)
    let z = y
    return xs.map((x) => {
      const sums = add(
        product(x, w('kernel')),
        product(y, w('recurrent_kernel')),
        product(z, w('velocity_kernel')),
        vector(w('bias')),
      )
      const [oldY, oldZ] = [y, z]
      z = oldZ.map(
        (v, j) => v + step * Math.tanh(sums[j] as number) - step * gamma * (oldY[j] as number) - step * epsilon * v,
      )
      y = oldY.map((p, j) => p + step * (z[j] as number))
      return y
    })
  }

/** Complex numbers. */
type Pair = readonly [re: number, im: number]
const cTimes = ([a, b]: Pair, [c, d]: Pair): Pair => [a * c - b * d, a * d + b * c]
const cAdd = ([a, b]: Pair, [c, d]: Pair): Pair => [a + c, b + d]
const cExp = ([a, b]: Pair): Pair => [Math.exp(a) * Math.cos(b), Math.exp(a) * Math.sin(b)]
const cOver = (a: Pair, [c, d]: Pair): Pair => {
  const [re, im] = cTimes(a, [c, -d])
  return [re / (c * c + d * d), im / (c * c + d * d)]
}

export const lru: Recurrence = (w, xs) => {
  const size = w('ring').shape[1] as number
  let s: Pair[] = range(size).map(() => [0, 0])
  return xs.map((x) => {
    const enters = [product(x, w('input_re')), product(x, w('input_im'))]
    s = s.map((old, n) => {
      const modulus = Math.exp(-Math.exp(at(w('ring'), 0, n)))
      const angle = Math.exp(at(w('ring'), 1, n))
      const lambda: Pair = [modulus * Math.cos(angle), modulus * Math.sin(angle)]
      const gamma = Math.exp(at(w('ring'), 2, n))
      return cAdd(cTimes(lambda, old), [gamma * (enters[0]?.[n] as number), gamma * (enters[1]?.[n] as number)])
    })
    return product(x, w('skip')).map((skipped, j) => {
      const read = s.reduce(
        (sum, each, n) => sum + cTimes(each, [at(w('output_re'), n, j), at(w('output_im'), n, j)])[0],
        0,
      )
      return gelu(read + skipped)
    })
  })
}

export const s4d: Recurrence = (w, xs) => {
  const [units, half] = w('frequency').shape as [number, number]
  let s = range(units).map(() => range(half).map((): Pair => [0, 0]))
  return xs.map((x) => {
    const u = product(x, w('kernel'))
    s = s.map((states, j) =>
      states.map((old, n) => {
        const a: Pair = [-Math.exp(at(w('log_decay'), j, n)), at(w('frequency'), j, n)]
        const step = Math.exp(at(w('log_step'), j, 0))
        const discrete = cExp([a[0] * step, a[1] * step])
        const enters = cOver([discrete[0] - 1, discrete[1]], a)
        return cAdd(cTimes(discrete, old), [enters[0] * (u[j] as number), enters[1] * (u[j] as number)])
      }),
    )
    return u.map((value, j) => {
      const read = (s[j] as Pair[]).reduce(
        (sum, each, n) => sum + 2 * cTimes(each, [at(w('output_re'), j, n), at(w('output_im'), j, n)])[0],
        0,
      )
      return gelu(read + at(w('skip'), j) * value)
    })
  })
}

export const s5: Recurrence = (w, xs) => {
  const half = w('log_step').shape[0] as number
  let s: Pair[] = range(half).map(() => [0, 0])
  return xs.map((x) => {
    const enters = [product(x, w('input_re')), product(x, w('input_im'))]
    s = s.map((old, n) => {
      const lambda: Pair = [Math.min(at(w('eigenvalue_re'), n), -1e-4), at(w('eigenvalue_im'), n)]
      const step = Math.exp(at(w('log_step'), n))
      const discrete = cExp([lambda[0] * step, lambda[1] * step])
      const factor = cOver([discrete[0] - 1, discrete[1]], lambda)
      return cAdd(cTimes(discrete, old), cTimes(factor, [enters[0]?.[n] as number, enters[1]?.[n] as number]))
    })
    return product(x, w('skip')).map((skipped, j) => {
      const read = s.reduce(
        (sum, each, n) => sum + 2 * cTimes(each, [at(w('output_re'), n, j), at(w('output_im'), n, j)])[0],
        0,
      )
      return gelu(read + skipped)
    })
  })
}

export const mamba: Recurrence = (w, xs) => {
  const [units, size] = w('log_decay').shape as [number, number]
  let s = range(units).map(() => zeros(size))
  return xs.map((x) => {
    const u = product(x, w('kernel')).map(silu)
    const steps = add(product(product(u, w('time_in')), w('time_out')), vector(w('time_bias'))).map(softplus)
    const [b, c] = [product(u, w('b_kernel')), product(u, w('c_kernel'))]
    s = s.map((states, j) =>
      states.map((old, n) => {
        const step = steps[j] as number
        const a = -Math.exp(at(w('log_decay'), j, n))
        return Math.exp(step * a) * old + step * (b[n] as number) * (u[j] as number)
      }),
    )
    const gate = product(x, w('gate_kernel')).map(silu)
    return u.map((value, j) => {
      const read = (s[j] as number[]).reduce((sum, state, n) => sum + state * (c[n] as number), 0)
      return (read + at(w('skip'), j) * value) * (gate[j] as number)
    })
  })
}

/** The sums of the paper's equation as they stand, over all steps so far. */
export const rwkv: Recurrence = (w, xs) => {
  const mixed = (t: number, name: string) =>
    product(
      (xs[t] as number[]).map((value, i) => {
        const mix = at(w(`mix_${name}`), i)
        return mix * value + (1 - mix) * (xs[t - 1]?.[i] ?? 0)
      }),
      w(`${name}_kernel`),
    )
  const [ks, vs] = [xs.map((_, t) => mixed(t, 'k')), xs.map((_, t) => mixed(t, 'v'))]
  return xs.map((_, t) => {
    const read = mixed(t, 'r').map((r, j) => {
      const decay = Math.exp(at(w('log_decay'), j))
      let [above, below] = [0, 0]
      for (let i = 0; i <= t; i++) {
        const k = ks[i]?.[j] as number
        const weight = i === t ? Math.exp(at(w('bonus'), j) + k) : Math.exp(-(t - 1 - i) * decay + k)
        above += weight * (vs[i]?.[j] as number)
        below += weight
      }
      return (sigmoid(r) * above) / below
    })
    return product(read, w('output_kernel'))
  })
}

/** Without the state that keeps sums from overflow. */
export const sLSTM =
  (forgetGate: 'sigmoid' | 'exponential'): Recurrence =>
  (w, xs) => {
    const [heads, size] = w('recurrent_kernel').shape as [number, number, number]
    const units = heads * size
    let [h, c, n] = [zeros(units), zeros(units), zeros(units)]
    return xs.map((x) => {
      const fromInput = product(x, w('kernel'))
      const sum = (gate: number, j: number) => {
        const head = Math.floor(j / size)
        let total = fromInput[gate * units + j] as number
        for (let k = 0; k < size; k++) {
          total += (h[head * size + k] as number) * at(w('recurrent_kernel'), head, k, gate * size + (j % size))
        }
        return total
      }
      const bias = (part: number, j: number) => at(w('bias'), part * units + j)
      const gates = range(units).map((j) => {
        const forget = sum(1, j) + at(w('forget_bias'), j)
        return {
          i: Math.exp(sum(0, j) + bias(0, j)),
          f: forgetGate === 'sigmoid' ? sigmoid(forget) : Math.exp(forget),
          z: Math.tanh(sum(2, j) + bias(1, j)),
          o: sigmoid(sum(3, j) + bias(2, j)),
        }
      })
      c = gates.map(({ i, f, z }, j) => f * (c[j] as number) + i * z)
      n = gates.map(({ i, f }, j) => f * (n[j] as number) + i)
      h = gates.map(({ o }, j) => (o * (c[j] as number)) / (n[j] as number))
      return h
    })
  }

/** Without the state that keeps sums from overflow. */
export const mLSTM =
  (heads: number, forgetGate: 'sigmoid' | 'exponential'): Recurrence =>
  (w, xs) => {
    const units = w('q_bias').shape[0] as number
    const size = units / heads
    const c = range(heads).map(() => range(size).map(() => zeros(size)))
    const n = range(heads).map(() => zeros(size))
    return xs.map((x) => {
      const q = add(product(x, w('q_kernel')), vector(w('q_bias')))
      const k = add(
        product(x, w('k_kernel')).map((v) => v / Math.sqrt(size)),
        vector(w('k_bias')),
      )
      const v = add(product(x, w('v_kernel')), vector(w('v_bias')))
      const o = add(product(x, w('output_kernel')), vector(w('output_bias'))).map(sigmoid)
      const gates = product(x, w('gate_kernel'))
      return range(heads).flatMap((head) => {
        const i = Math.exp((gates[head] as number) + at(w('input_bias'), head))
        const forget = (gates[heads + head] as number) + at(w('forget_bias'), head)
        const f = forgetGate === 'sigmoid' ? sigmoid(forget) : Math.exp(forget)
        const [memory, norm] = [c[head] as number[][], n[head] as number[]]
        const of = (values: number[], a: number) => values[head * size + a] as number
        for (let b = 0; b < size; b++) {
          norm[b] = f * (norm[b] as number) + i * of(k, b)
          for (let a = 0; a < size; a++) {
            const row = memory[a] as number[]
            row[b] = f * (row[b] as number) + i * of(v, a) * of(k, b)
          }
        }
        const divisor = Math.max(Math.abs(norm.reduce((sum, value, b) => sum + value * of(q, b), 0)), 1)
        return range(size).map((a) => {
          const read = (memory[a] as number[]).reduce((sum, value, b) => sum + value * of(q, b), 0)
          return (of(o, a) * read) / divisor
        })
      })
    })
  }

/** With the products of matrices as the paper writes them. */
export const gatedDeltaNet =
  (heads: number): Recurrence =>
  (w, xs) => {
    const size = w('gamma').shape[0] as number
    const keys = (w('q_kernel').shape[1] as number) / heads
    const s = range(heads).map(() => range(size).map(() => zeros(keys)))
    const unit = (values: number[]) => {
      const length = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) + 1e-6)
      return values.map((value) => value / length)
    }
    return xs.map((x) => {
      const v = product(x, w('v_kernel')).map(silu)
      const gate = product(x, w('gate_kernel')).map(silu)
      const step = add(product(x, w('alpha_kernel')), vector(w('time_bias'))).map(softplus)
      const beta = product(x, w('beta_kernel')).map(sigmoid)
      const read = range(heads).flatMap((head) => {
        const q = unit(product(x, w('q_kernel'), head * keys, keys).map(silu))
        const k = unit(product(x, w('k_kernel'), head * keys, keys).map(silu))
        const alpha = Math.exp(-Math.exp(at(w('log_decay'), head)) * (step[head] as number))
        const b = beta[head] as number
        const memory = s[head] as number[][]
        for (let a = 0; a < size; a++) {
          const old = [...(memory[a] as number[])]
          for (let column = 0; column < keys; column++) {
            let turned = 0
            for (let row = 0; row < keys; row++) {
              const identity = row === column ? 1 : 0
              turned += (old[row] as number) * alpha * (identity - b * (k[row] as number) * (k[column] as number))
            }
            ;(memory[a] as number[])[column] = turned + b * (v[head * size + a] as number) * (k[column] as number)
          }
        }
        const values = memory.map((row) => row.reduce((sum, value, n) => sum + value * (q[n] as number), 0))
        const square = values.reduce((sum, value) => sum + value * value, 0) / size
        return values.map((value, a) => (value / Math.sqrt(square + 1e-5)) * at(w('gamma'), a))
      })
      return product(
        read.map((value, j) => value * (gate[j] as number)),
        w('output_kernel'),
      )
    })
  }

export const cfc =
  (layers: number): Recurrence =>
  (w, xs, deltas = []) => {
    const units = (w('bias').shape[0] as number) / 4
    const lecun = (v: number) => 1.7159 * Math.tanh((2 * v) / 3)
    let h = zeros(units)
    return xs.map((x, t) => {
      let b: number[] = [...x]
      for (let layer = 0; layer < layers; layer++) {
        const sums = add(product(b, w(`backbone_kernels_${layer}`)), vector(w(`backbone_biases_${layer}`)))
        b = (layer === 0 ? add(sums, product(h, w('backbone_recurrent'))) : sums).map(lecun)
      }
      const sums = add(product(b, w('kernel')), vector(w('bias')))
      h = h.map((_, j) => {
        const [g, other, a, c] = [0, 1, 2, 3].map((part) => sums[part * units + j] as number) as [
          number,
          number,
          number,
          number,
        ]
        const passed = sigmoid(a * (deltas[t]?.[0] as number) + c)
        return Math.tanh(g) * (1 - passed) + passed * Math.tanh(other)
      })
      return h
    })
  }

export const gruD: Recurrence = (w, xs, present = [], deltas = []) => {
  const units = w('state_decay_bias').shape[0] as number
  const features = w('decay').shape[0] as number
  let [h, last, since] = [zeros(units), zeros(features), zeros(features)]
  return xs.map((x, t) => {
    const m = present[t] as number[]
    const elapsed = since.map((value) => value + (deltas[t]?.[0] as number))
    const filled = x.map((value, i) => {
      const fading = Math.exp(-Math.max(0, at(w('decay'), i) * (elapsed[i] as number) + at(w('decay_bias'), i)))
      return m[i] === 1 ? value : fading * (last[i] as number)
    })
    const decay = add(product(elapsed, w('state_decay')), vector(w('state_decay_bias')))
    const faded = h.map((value, j) => Math.exp(-Math.max(0, decay[j] as number)) * value)
    const sum = (part: number, state: readonly number[]) =>
      add(
        product(filled, w('kernel'), part * units, units),
        product(m, w('present_kernel'), part * units, units),
        product(state, w('recurrent_kernel'), part * units, units),
        vector(w('bias'), part * units, units),
      )
    const [z, r] = [sum(0, faded).map(sigmoid), sum(1, faded).map(sigmoid)]
    const n = sum(
      2,
      faded.map((value, j) => value * (r[j] as number)),
    ).map(Math.tanh)
    h = h.map((_, j) => (1 - (z[j] as number)) * (faded[j] as number) + (z[j] as number) * (n[j] as number))
    last = last.map((value, i) => (m[i] === 1 ? (x[i] as number) : value))
    since = elapsed.map((value, i) => (m[i] === 1 ? 0 : value))
    return h
  })
}
