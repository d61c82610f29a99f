/** Sums over rows x with targets y: Σxxᵀ, Σxy, Σy² and how many rows there are. */
export class Moments {
  readonly products: Float64Array
  readonly targets: Float64Array
  squares = 0
  rows = 0

  constructor(readonly width: number) {
    this.products = new Float64Array(width * width)
    this.targets = new Float64Array(width)
  }

  add(x: Float64Array, y: number): void {
    const { width, products, targets } = this
    for (let i = 0; i < width; i++) {
      const a = x[i] as number
      if (a === 0) continue
      const row = i * width
      for (let j = 0; j <= i; j++) products[row + j] = (products[row + j] as number) + a * (x[j] as number)
      targets[i] = (targets[i] as number) + a * y
    }
    this.squares += y * y
    this.rows++
  }

  /** Adds the rows of others. */
  join(others: Moments): void {
    for (const [i, product] of others.products.entries()) this.products[i] = (this.products[i] as number) + product
    for (const [i, target] of others.targets.entries()) this.targets[i] = (this.targets[i] as number) + target
    this.squares += others.squares
    this.rows += others.rows
  }

  /** The mean squared error of coefficients on these rows. */
  error(coefficients: Float64Array): number {
    const applied = this.apply(coefficients)
    let sum = this.squares
    for (let i = 0; i < this.width; i++) {
      sum += (coefficients[i] as number) * ((applied[i] as number) - 2 * (this.targets[i] as number))
    }
    return Math.max(sum, 0) / this.rows
  }

  /** Σxxᵀ times a vector. */
  apply(vector: Float64Array): Float64Array {
    const { width, products } = this
    const result = new Float64Array(width)
    for (let i = 0; i < width; i++) {
      for (let j = 0; j < i; j++) {
        const product = products[i * width + j] as number
        result[i] = (result[i] as number) + product * (vector[j] as number)
        result[j] = (result[j] as number) + product * (vector[i] as number)
      }
      result[i] = (result[i] as number) + (products[i * width + i] as number) * (vector[i] as number)
    }
    return result
  }
}

/**
 * Ridge regression towards given coefficients: those that minimize the squared error plus, of each coefficient, its squared distance from the given one as
 * if so many (`weights`) more rows had said it. By Cholesky's decomposition.
 */
export function ridge(moments: Moments, towards: Float64Array, weights: Float64Array): Float64Array {
  const { width, products, targets, rows } = moments
  if (rows === 0 || weights.every((weight) => weight === Number.POSITIVE_INFINITY)) return towards
  // Coefficients of infinite weight stay as they are.
  const free = Array.from(weights.keys()).filter((i) => weights[i] !== Number.POSITIVE_INFINITY)
  const count = free.length
  const applied = moments.apply(towards)
  const factor = new Float64Array(count * count)
  const solution = new Float64Array(count)
  for (const [i, place] of free.entries()) {
    for (let j = 0; j <= i; j++) {
      let sum = products[place * width + (free[j] as number)] as number
      if (i === j) sum += ((weights[place] as number) * sum) / rows + 1e-9 * rows
      for (let k = 0; k < j; k++) sum -= (factor[i * count + k] as number) * (factor[j * count + k] as number)
      factor[i * count + j] = i === j ? Math.sqrt(Math.max(sum, 1e-12 * rows)) : sum / (factor[j * count + j] as number)
    }
    let sum = (targets[place] as number) - (applied[place] as number)
    for (let k = 0; k < i; k++) sum -= (factor[i * count + k] as number) * (solution[k] as number)
    solution[i] = sum / (factor[i * count + i] as number)
  }
  for (let i = count - 1; i >= 0; i--) {
    let sum = solution[i] as number
    for (let k = i + 1; k < count; k++) sum -= (factor[k * count + i] as number) * (solution[k] as number)
    solution[i] = sum / (factor[i * count + i] as number)
  }
  const found = Float64Array.from(towards)
  for (const [i, place] of free.entries()) found[place] = (found[place] as number) + (solution[i] as number)
  return found
}
