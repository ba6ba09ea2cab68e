# Makes the files whose names not every system takes: run in the folder that holds context/.
printf "%s\n" 'a*b' > context/'a*b'
printf "%s\n" 'c?d' > context/'c?d'
