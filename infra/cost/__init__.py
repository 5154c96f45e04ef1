"""What the platform costs in AWS: rates measured on one machine, public list prices, and a model between the two."""
