Lib/L.cs
