packages/api/src/i.ts
