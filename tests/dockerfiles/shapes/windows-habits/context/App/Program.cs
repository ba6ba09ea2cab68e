App/Program.cs
