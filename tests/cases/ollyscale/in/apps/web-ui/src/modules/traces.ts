export const traces = 1
