/**
 * The imaginary parts of the eigenvalues of the normal part of the HiPPO-LegS matrix of an even size N, the N/2 above
 * zero in ascending order; their real parts are -½. Off its diagonal that part is skew-symmetric, √(n + ½)·√(k + ½) for
 * n < k and its negative for n > k (Gu et al., arXiv 2206.11893).
 */
export function hippoFrequencies(size: number): number[] {
  const scale = Array.from({ length: size }, (_, n) => Math.sqrt(n + 0.5))
  const skew = scale.map((a, n) => scale.map((b, k) => (n === k ? 0 : n < k ? a * b : -a * b)))
  // The square of a skew-symmetric matrix is symmetric; its eigenvalues are the negative squares, each of them twice.
  const squares = skew.map((row) =>
    skew.map((other) => row.reduce((sum, value, k) => sum + value * (other[k] ?? 0), 0)),
  )
  const found = symmetricEigenvalues(squares).sort((a, b) => a - b)
  return Array.from({ length: size / 2 }, (_, n) => {
    return Math.sqrt(((found[2 * n] as number) + (found[2 * n + 1] as number)) / 2)
  })
}

/** The eigenvalues of a symmetric matrix, by Jacobi's rotations; it is overwritten. */
function symmetricEigenvalues(a: number[][]): number[] {
  const size = a.length
  const at = (row: number, column: number) => (a[row] as number[])[column] as number
  const total = a.flat().reduce((sum, value) => sum + value * value, 0)
  for (let sweep = 0; sweep < 60; sweep++) {
    let off = 0
    for (let p = 0; p < size; p++) for (let q = p + 1; q < size; q++) off += at(p, q) ** 2
    if (off <= 1e-26 * total) break
    for (let p = 0; p < size; p++) {
      for (let q = p + 1; q < size; q++) {
        if (at(p, q) === 0) continue
        const ratio = (at(q, q) - at(p, p)) / (2 * at(p, q))
        const tangent = Math.sign(ratio || 1) / (Math.abs(ratio) + Math.hypot(ratio, 1))
        const cosine = 1 / Math.hypot(tangent, 1)
        rotate(a, p, q, cosine, tangent * cosine)
      }
    }
  }
  return a.map((row, n) => row[n] as number)
}

/** Turns rows and columns p and q of a symmetric matrix into each other. */
function rotate(a: number[][], p: number, q: number, cosine: number, sine: number): void {
  for (const row of a) {
    const [x, y] = [row[p] as number, row[q] as number]
    row[p] = cosine * x - sine * y
    row[q] = sine * x + cosine * y
  }
  const [first, second] = [a[p] as number[], a[q] as number[]]
  for (let k = 0; k < a.length; k++) {
    const [x, y] = [first[k] as number, second[k] as number]
    first[k] = cosine * x - sine * y
    second[k] = sine * x + cosine * y
  }
}
