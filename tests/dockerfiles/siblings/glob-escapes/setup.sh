# Makes the files whose names not every system takes: run in the folder that holds context/.
printf "%s\n" 'a*b.txt' > context/'a*b.txt'
printf "%s\n" 'c?d.txt' > context/'c?d.txt'
